use bytes::Bytes;
use prost::Message;
use sealpost_protocol::canonical::encode;
use sealpost_protocol::control::{Link, ParsedControl, co_sign_control, sign_control};
use sealpost_protocol::event::{EventHeader, ParsedEvent, sign_event, without_ciphertext};
use sealpost_protocol::hash::{Label, sha256};
use sealpost_protocol::ids::{EventId, KeyId, Root, SpaceId, WriterId};
use sealpost_protocol::keys::sign;
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, control_record::Body};
use serde_json::{Value, json};

use super::File;
use super::people::Person;

fn header() -> EventHeader {
    EventHeader {
        space_id: SpaceId::new([0x51; 32]),
        epoch: 1,
        key_id: KeyId::new([0x4b; 32]),
        principal_id: Person::alice().id(),
        writer_id: WriterId::new([9; 16]),
        writer_index: 2,
        previous_event_id: Some(EventId::new([0xe0; 32])),
        control_index: 2,
        control_head: EventId::new([0xc0; 32]),
        seen: Cursor {
            seq: 7,
            root: Root::new([0x70; 32]),
        },
        nonce: [0x24; limits::NONCE],
    }
}

fn first_header() -> EventHeader {
    EventHeader {
        writer_index: 1,
        previous_event_id: None,
        ..header()
    }
}

fn altered(change: impl FnOnce(&mut wire::EventHeader)) -> Bytes {
    let mut header = wire::EventHeader::decode(header().encode()).expect("our own");
    change(&mut header);
    encode(&header)
}

pub fn event_header() -> File {
    let valid = |header: &EventHeader, why: &str| {
        json!({
            "why": why,
            "header": hex::encode(header.encode()),
            "fields": {
                "space_id": header.space_id.to_string(),
                "epoch": header.epoch,
                "key_id": header.key_id.to_string(),
                "principal_id": header.principal_id.to_string(),
                "writer_id": header.writer_id.to_string(),
                "writer_index": header.writer_index,
                "previous_event_id": header.previous_event_id.map(|id| id.to_string()),
                "control_index": header.control_index,
                "control_head": header.control_head.to_string(),
                "seen_seq": header.seen.seq,
                "seen_root": header.seen.root.to_string(),
                "nonce": hex::encode(header.nonce),
            },
        })
    };
    let refused =
        |bytes: Bytes, why: &str| json!({ "why": why, "header": hex::encode(bytes), "fields": null });
    let vectors = vec![
        valid(&header(), "any event of a writer but its first"),
        valid(&first_header(), "a writer's first event names no previous one"),
        refused(Bytes::new(), "empty"),
        refused(altered(|header| header.version = 2), "version 2"),
        refused(altered(|header| header.class = 0), "no class"),
        refused(altered(|header| header.class = 2), "an unknown class"),
        refused(
            altered(|header| header.space_id = vec![0x51; 31].into()),
            "a space id one byte short",
        ),
        refused(altered(|header| header.epoch = 0), "epoch 0"),
        refused(altered(|header| header.key_id = Bytes::new()), "no key id"),
        refused(
            altered(|header| header.principal_id = vec![1; 33].into()),
            "a principal id one byte long",
        ),
        refused(
            altered(|header| header.writer_id = vec![9; 32].into()),
            "a writer id of 32 bytes",
        ),
        refused(altered(|header| header.writer_index = 0), "writer index 0"),
        refused(
            altered(|header| header.writer_index = 1),
            "a first event that names a previous one",
        ),
        refused(
            altered(|header| header.previous_event_id = Bytes::new()),
            "a later event that names no previous one",
        ),
        refused(altered(|header| header.control_index = 0), "control index 0"),
        refused(
            altered(|header| header.control_head = vec![1; 16].into()),
            "a control head of 16 bytes",
        ),
        refused(altered(|header| header.seen_root = Bytes::new()), "no seen root"),
        refused(
            altered(|header| header.nonce = vec![1; 12].into()),
            "a nonce of 12 bytes",
        ),
        refused(
            [&header().encode()[..], &[0x78, 1]].concat().into(),
            "a field that does not exist",
        ),
        refused(header().encode().slice(..100), "cut short"),
    ];
    ("Event headers; `fields` null: a decoder refuses them.", vectors)
}

pub fn event() -> File {
    let alice = Person::alice();
    let signed = sign_event(&header(), Bytes::from_static(&[0xcc; 272]), &alice.key);
    let with = |change: &dyn Fn(&mut wire::SignedEvent)| {
        let mut event = signed.clone();
        change(&mut event);
        event
    };
    let vector = |event: &wire::SignedEvent, verdict: &str, why: &str| {
        let id = ParsedEvent::parse(event)
            .ok()
            .map(|parsed| parsed.id().to_string());
        json!({
            "why": why,
            "public_key": hex::encode(alice.public_key().as_bytes()),
            "event": hex::encode(event.encode_to_vec()),
            "verdict": verdict,
            "event_id": id.filter(|_| verdict == "valid"),
        })
    };
    let resigned = |label: Label, key: &Person| {
        let hash = sha256(&signed.ciphertext);
        let signature = Bytes::copy_from_slice(&sign(&key.key, label, &[&signed.header, &hash]));
        with(&|event| event.signature = signature.clone())
    };
    let malleable = with(&|event| event.signature = add_group_order(&event.signature));
    let vectors = vec![
        vector(&signed, "valid", "an honest event"),
        vector(
            &without_ciphertext(&signed),
            "valid",
            "the same after retention: same id, same signature",
        ),
        vector(
            &resigned(Label::EVENT, &Person::bob()),
            "bad_signature",
            "signed by another key",
        ),
        vector(
            &resigned(Label::SIGNAL, &alice),
            "bad_signature",
            "signed as a signal",
        ),
        vector(&malleable, "bad_signature", "the signature's s is not reduced"),
        vector(
            &with(&|event| event.ciphertext = vec![0xcd; 272].into()),
            "bad_signature",
            "another ciphertext",
        ),
        vector(
            &with(&|event| event.header = first_header().encode()),
            "bad_signature",
            "another header",
        ),
        vector(
            &with(&|event| event.ciphertext_hash = vec![1; 32].into()),
            "malformed",
            "both ciphertext and its hash",
        ),
        vector(
            &with(&|event| event.ciphertext = Bytes::new()),
            "malformed",
            "neither ciphertext nor its hash",
        ),
        vector(
            &with(&|event| event.ciphertext = vec![1; limits::TAG - 1].into()),
            "malformed",
            "a ciphertext shorter than its tag",
        ),
        vector(
            &with(&|event| event.signature = vec![1; 63].into()),
            "malformed",
            "a signature one byte short",
        ),
        vector(
            &with(&|event| event.header = [&event.header[..], &[0x78, 1]].concat().into()),
            "malformed",
            "a header with a field that does not exist",
        ),
        vector(
            &with(&|event| event.header = vec![0; limits::MAX_HEADER + 1].into()),
            "too_large",
            "a header over its limit",
        ),
    ];
    (
        "Signed events: `valid`, or the code they are refused with. `public_key` is the author's.",
        vectors,
    )
}

/// s + ℓ, which lenient verifiers accept as well (RFC 8032 section 8.4).
fn add_group_order(signature: &[u8]) -> Bytes {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut out = signature.to_vec();
    let mut carry = 0;
    for (byte, order) in out[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    out.into()
}

pub fn control() -> File {
    let (alice, bob) = (Person::alice(), Person::bob());
    let genesis = sign_control(&Link::Genesis, &alice.id(), genesis_body(&alice), &alice.key);
    let link = Link::Next {
        space_id: SpaceId::new([0x51; 32]),
        control_index: 3,
        previous_head: EventId::new([0xc0; 32]),
        seen: Cursor {
            seq: 7,
            root: Root::new([0x70; 32]),
        },
    };
    let leave = sign_control(&link, &alice.id(), Body::Leave(wire::Leave {}), &alice.key);
    let co_signed = co_sign_control(leave.clone(), &bob.key);
    let with = |control: &wire::SignedControl, change: &dyn Fn(&mut wire::ControlRecord)| {
        let mut record = wire::ControlRecord::decode(control.record.clone()).expect("our own");
        change(&mut record);
        let record = encode(&record);
        let signature = Bytes::copy_from_slice(&sign(&alice.key, Label::CONTROL, &[&record]));
        wire::SignedControl {
            record,
            signature,
            co_signature: Bytes::new(),
        }
    };
    let malformed = |control: wire::SignedControl, why: &str| signed_control(&control, "malformed", why);
    let mut resigned = leave.clone();
    resigned.signature = Bytes::copy_from_slice(&sign(&bob.key, Label::CONTROL, &[&leave.record]));
    let mut relabelled = leave.clone();
    relabelled.signature = Bytes::copy_from_slice(&sign(&alice.key, Label::CONTROL_CO, &[&leave.record]));
    let mut large = leave.clone();
    large.record = vec![0; limits::MAX_CONTROL_RECORD + 1].into();
    let mut short = leave.clone();
    short.signature = leave.signature.slice(..63);
    let mut odd = leave.clone();
    odd.co_signature = Bytes::from_static(&[1; 32]);
    let mut trailing = leave.clone();
    trailing.record = [&leave.record[..], &[0x78, 1]].concat().into();
    let vectors = vec![
        signed_control(&genesis, "valid", "a genesis record: the space id is its hash"),
        signed_control(&leave, "valid", "any other record"),
        signed_control(&co_signed, "valid", "with a second signature"),
        signed_control(&resigned, "bad_signature", "signed by another key"),
        signed_control(
            &relabelled,
            "bad_signature",
            "the second signature in the first one's place",
        ),
        signed_control(&large, "too_large", "a record over its limit"),
        malformed(short, "a signature one byte short"),
        malformed(odd, "a second signature of 32 bytes"),
        malformed(trailing, "a field that does not exist"),
        malformed(with(&leave, &|record| record.version = 2), "version 2"),
        malformed(with(&leave, &|record| record.body = None), "no body"),
        malformed(
            with(&leave, &|record| record.control_index = 0),
            "control index 0",
        ),
        malformed(
            with(&leave, &|record| record.control_index = 1),
            "control index 1 without a genesis body",
        ),
        malformed(
            with(&leave, &|record| record.space_id = Bytes::new()),
            "no space id after genesis",
        ),
        malformed(
            with(&leave, &|record| record.previous_head = vec![1; 31].into()),
            "a previous head one byte short",
        ),
        malformed(
            with(&leave, &|record| record.author = vec![1; 31].into()),
            "an author one byte short",
        ),
        malformed(
            with(&leave, &|record| record.seen_root = Bytes::new()),
            "no seen root after genesis",
        ),
        malformed(
            with(&genesis, &|record| record.control_index = 2),
            "a genesis body at index 2",
        ),
        malformed(
            with(&genesis, &|record| record.space_id = vec![1; 32].into()),
            "a genesis record that names a space id",
        ),
        malformed(
            with(&genesis, &|record| record.previous_head = vec![1; 32].into()),
            "a genesis record that names a previous head",
        ),
        malformed(
            with(&genesis, &|record| record.seen_seq = 1),
            "a genesis record that has seen something",
        ),
    ];
    (
        "Signed control records, each by itself: `valid`, or the code they are refused with. Alice is the author; where there is a second signature, it is Bob's.",
        vectors,
    )
}

pub fn genesis_body(creator: &Person) -> Body {
    Body::Genesis(wire::Genesis {
        salt: Bytes::from_static(&[0x5a; 32]),
        manifest: creator.manifest.bytes().clone(),
        policy: Some(wire::Policy {
            share_history: true,
            retention_seconds: 0,
        }),
    })
}

fn signed_control(control: &wire::SignedControl, verdict: &str, why: &str) -> Value {
    let parsed = ParsedControl::parse(control).ok().filter(|_| verdict == "valid");
    json!({
        "why": why,
        "public_key": hex::encode(Person::alice().public_key().as_bytes()),
        "co_signer": (!control.co_signature.is_empty())
            .then(|| hex::encode(Person::bob().public_key().as_bytes())),
        "control": hex::encode(control.encode_to_vec()),
        "verdict": verdict,
        "control_id": parsed.as_ref().map(|parsed| parsed.id().to_string()),
        "space_id": parsed.as_ref().map(|parsed| parsed.space_id().to_string()),
    })
}
