use sealpost_protocol::hash::{Label, framed, tagged_hash};
use sealpost_protocol::ids::{EventId, Root, SpaceId};
use sealpost_protocol::padding::{pad, unpad};
use sealpost_protocol::receipt::receipt_input;
use sealpost_protocol::root::Cursor;
use serde::Deserialize;

use super::files::{Hex, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashVector {
    why: String,
    label: String,
    parts: Vec<Hex>,
    framed: Hex,
    hash: Hex,
}

#[test]
fn framed_hashes() {
    for vector in read::<HashVector>("hashing") {
        let label = [Label::ROOT, Label::RECOVERY_LOGIN_KEY]
            .into_iter()
            .find(|label| label.as_str() == vector.label)
            .unwrap();
        let parts: Vec<&[u8]> = vector.parts.iter().map(|part| &part.0[..]).collect();
        assert_eq!(framed(label, &parts), vector.framed.0, "{}", vector.why);
        assert_eq!(tagged_hash(label, &parts), vector.hash.array(), "{}", vector.why);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaddingVector {
    why: String,
    plaintext: Option<Hex>,
    padded: Hex,
}

#[test]
fn padding() {
    for vector in read::<PaddingVector>("padding") {
        let plaintext = vector.plaintext.as_ref().map(|plaintext| &plaintext.0[..]);
        assert_eq!(unpad(&vector.padded.0).ok(), plaintext, "{}", vector.why);
        if let Some(plaintext) = plaintext {
            assert_eq!(pad(plaintext), vector.padded.0, "{}", vector.why);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RootVector {
    why: String,
    space_id: SpaceId,
    seq: u64,
    event_id: Option<EventId>,
    root: Root,
    receipt_input: Hex,
}

#[test]
fn roots() {
    let vectors = read::<RootVector>("root");
    let mut cursor = Cursor::start(&vectors[0].space_id);
    for vector in vectors {
        if let Some(id) = vector.event_id {
            cursor = cursor.after(&id);
        }
        assert_eq!(
            (cursor.seq, cursor.root),
            (vector.seq, vector.root),
            "{}",
            vector.why
        );
        let receipt = receipt_input(&vector.space_id, &cursor);
        assert_eq!(receipt, vector.receipt_input.0, "{}", vector.why);
    }
}
