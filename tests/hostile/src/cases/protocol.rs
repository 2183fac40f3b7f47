//! Downgrades, what a client gives away, and what a relay can make it do.

use bytes::Bytes;
use prost::Message as _;
use sealpost_protocol::hash::{Label, sha256};
use sealpost_protocol::keys::sign;
use sealpost_protocol::wire::{EventHeader, SignedEvent};
use serde_json::json;

use super::driven::driven;
use super::log::{page_in, page_of};
use super::malformed::malformed;
use super::{Case, Forms, Shown, both, explained, refused};
use crate::entries::{event_entry, record};
use crate::forgery::{first_of_her_own, header};
use crate::orders;
use crate::scene::{FOUR, Garden, Scene};

pub(super) fn cases() -> Vec<Case> {
    vec![
        both("R55", "only another version is supported", run!(versions)),
        both("R56", "an unknown field in signed bytes", run!(unknown_field)),
        both("R57", "many ciphertexts that are none", run!(malformed)),
        both(
            "R58",
            "the client is driven to do things again and again",
            run!(driven),
        ),
        explained(
            "R59",
            "the program itself is replaced",
            "out of the protocol's reach, and said so in SECURITY.md: no client gets its program from the relay. The page behind an \
             invite link has no script",
        ),
        explained(
            "R60",
            "database, storage, keys and logs together",
            "no misbehaviour over the wire: `scripts/prove leaks` looks through all of them, memory included, for what only people \
             may know, and a relay with planted leaks shows that it would be found",
        ),
    ]
}

async fn versions(scene: &Scene) -> Shown {
    let mut forms = Forms::default();
    for (form, known) in [
        ("version 0", json!(["sealpost.v0"])),
        ("none", json!([])),
        ("one to come", json!(["sealpost.v2", "sealpost.v10"])),
    ] {
        scene.relay.misbehave(orders::versions(known));
        let classes = ["refused:unknown_protocol", "unknown_protocol", "pin_mismatch"];
        forms.add(form, refused(scene.log_in().await, &classes))?;
    }
    let garden = scene.garden().await;
    // Signed by Mallory, who is a stranger; a version that is not known is not even looked at.
    let mallory = scene.mallory.clone();
    let old = page_of(scene, &garden, move |page| {
        let mut header = header_of(&page.entries[Garden::LAST]);
        header.version = 0;
        page.entries.push(signed(&header.encode_to_vec(), &mallory));
    });
    forms.add("an event of version 0", old.await)?;
    forms.shown()
}

fn header_of(entry: &sealpost_protocol::wire::Entry) -> EventHeader {
    EventHeader::decode(header(entry).encode()).unwrap()
}

fn signed(header: &[u8], mallory: &sealpost_tests::bare::Person) -> sealpost_protocol::wire::Entry {
    let ciphertext = Bytes::from_static(&[7; 300]);
    let hash = sha256(&ciphertext);
    let signature = sign(&mallory.key, Label::EVENT, &[header, &hash[..]]);
    event_entry(SignedEvent {
        header: Bytes::copy_from_slice(header),
        ciphertext,
        signature: signature.to_vec().into(),
        ciphertext_hash: Bytes::new(),
    })
}

/// By a member, whose signature holds.
async fn unknown_field(scene: &Scene) -> Shown {
    let garden = scene.garden_with_mallory().await;
    garden
        .alices
        .send(sealpost_sdk::Message::text("four"))
        .await
        .unwrap();
    let mut forms = Forms::default();
    let mallory = scene.mallory.clone();
    let last = Garden::LENGTH + 1;
    let on_an_event = page_in(scene, &garden, &FOUR, move |page| {
        let first = first_of_her_own(&page.entries[last], &mallory);
        let mut bytes = header(&first).encode().to_vec();
        // Field 100, a number: 1.
        bytes.extend([0xa0, 0x06, 0x01]);
        page.entries.push(signed(&bytes, &mallory));
    });
    forms.add("in a header", on_an_event.await)?;
    let on_a_record = page_of(scene, &garden, |page| {
        let control = record(page, Garden::ADDED);
        let bytes = [&control.record[..], &[0xa0, 0x06, 0x01]].concat();
        control.record = bytes.into();
    });
    forms.add("in a record", on_a_record.await)?;
    forms.shown()
}
