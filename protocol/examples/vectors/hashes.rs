use sealpost_protocol::hash::{Label, framed, tagged_hash};
use sealpost_protocol::ids::{EventId, SpaceId};
use sealpost_protocol::padding::pad;
use sealpost_protocol::receipt::receipt_input;
use sealpost_protocol::root::Cursor;
use serde_json::{Value, json};

use super::File;

pub fn hashing() -> File {
    let cases: [(&str, Label, &[&[u8]]); 4] = [
        ("no parts", Label::RECOVERY_LOGIN_KEY, &[]),
        ("one empty part is not no part", Label::RECOVERY_LOGIN_KEY, &[b""]),
        ("two parts", Label::ROOT, &[b"ab", b"c"]),
        ("the same bytes cut elsewhere", Label::ROOT, &[b"a", b"bc"]),
    ];
    let vector = |(why, label, parts): (&str, Label, &[&[u8]])| {
        json!({
            "why": why,
            "label": label.as_str(),
            "parts": parts.iter().map(hex::encode).collect::<Vec<_>>(),
            "framed": hex::encode(framed(label, parts)),
            "hash": hex::encode(tagged_hash(label, parts)),
        })
    };
    (
        "Framed bytes and their SHA-256.",
        cases.into_iter().map(vector).collect(),
    )
}

pub fn padding() -> File {
    let valid = |plaintext: Vec<u8>, why: &str| {
        json!({
            "why": why,
            "plaintext": hex::encode(&plaintext),
            "padded": hex::encode(pad(&plaintext)),
        })
    };
    let invalid = |padded: Vec<u8>, why: &str| {
        let plaintext = Value::Null;
        json!({ "why": why, "plaintext": plaintext, "padded": hex::encode(padded) })
    };
    let with = |at: usize, byte: u8| {
        let mut padded = pad(b"hello");
        padded[at] = byte;
        padded
    };
    let vectors = vec![
        valid(vec![], "nothing becomes 256 bytes"),
        valid(b"hello".to_vec(), "short texts are alike"),
        valid(vec![7; 252], "exactly 256 with the prefix"),
        valid(vec![7; 253], "one more: 272, the next length of Padmé"),
        valid(vec![7; 1000], "1,004 with the prefix becomes 1,024"),
        invalid(vec![], "shorter than the prefix"),
        invalid(vec![0; 255], "shorter than any padded plaintext"),
        invalid(with(255, 1), "the padding is not zero"),
        invalid(with(0, 0xff), "the length is beyond the end"),
        invalid(
            [pad(b"hello"), vec![0; 8]].concat(),
            "padded further than an encoder pads",
        ),
        invalid(vec![0; 264], "the length would have been padded to 256"),
    ];
    (
        "Length prefix and Padmé padding; `plaintext` null: a decoder refuses `padded`.",
        vectors,
    )
}

pub fn root() -> File {
    let space = SpaceId::new([0x51; 32]);
    let mut cursor = Cursor::start(&space);
    let mut vectors = vec![place(
        &space,
        &cursor,
        None,
        "the empty log: the root is the space id",
    )];
    for byte in 1..=3 {
        let id = EventId::new([byte; 32]);
        cursor = cursor.after(&id);
        vectors.push(place(&space, &cursor, Some(id), "one more entry"));
    }
    (
        "Roots of one log, entry by entry, and the bytes that a receipt authenticates.",
        vectors,
    )
}

fn place(space: &SpaceId, cursor: &Cursor, event_id: Option<EventId>, why: &str) -> Value {
    json!({
        "why": why,
        "space_id": space.to_string(),
        "seq": cursor.seq,
        "event_id": event_id.map(|id| id.to_string()),
        "root": cursor.root.to_string(),
        "receipt_input": hex::encode(receipt_input(space, cursor)),
    })
}
