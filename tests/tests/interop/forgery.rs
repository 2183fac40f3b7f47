//! Entries that no member made.

use ed25519_dalek::SigningKey;
use sealpost_protocol::control::{Link, ParsedControl, sign_control};
use sealpost_protocol::event::{EventHeader, ParsedEvent, sign_event};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, PrincipalKind, control_record::Body, entry::Kind};

/// Mallory's key: no member's.
fn mallorys_key() -> SigningKey {
    SigningKey::from_bytes(&[0x66; 32])
}

fn mallory() -> Manifest {
    // Every 1,216 bytes will do: nobody seals to them.
    Manifest::new(PrincipalKind::Human, &PublicKey::of(&mallorys_key()), &[1; 1216]).unwrap()
}

/// The next event of the writer of this one, signed by Mallory.
pub fn next_event_by_mallory(entry: &wire::Entry) -> wire::Entry {
    let (parsed, mut header) = event_of(entry);
    header.writer_index += 1;
    header.previous_event_id = Some(parsed.id());
    signed_by_mallory(&header, &parsed)
}

/// A first event of Mallory's own.
pub fn event_of_mallorys_own(entry: &wire::Entry) -> wire::Entry {
    let (parsed, mut header) = event_of(entry);
    header.principal_id = mallory().id();
    header.writer_index = 1;
    header.previous_event_id = None;
    signed_by_mallory(&header, &parsed)
}

/// Mallory adds herself, behind the record of this entry, having seen the log up to `seen`.
pub fn ghost_member(entry: &wire::Entry, seen: Cursor) -> wire::Entry {
    let Some(Kind::Control(control)) = &entry.kind else {
        panic!("not a control record")
    };
    let parsed = ParsedControl::parse(control).unwrap();
    let Link::Next { control_index, .. } = parsed.link else {
        panic!("not the genesis record")
    };
    let link = Link::Next {
        space_id: parsed.space_id(),
        control_index: control_index + 1,
        previous_head: parsed.id(),
        seen,
    };
    let add = wire::AddMember {
        manifest: mallory().bytes().clone(),
        capabilities: 1,
        wrap_hash: vec![0; 32].into(),
    };
    let control = sign_control(&link, &mallory().id(), Body::AddMember(add), &mallorys_key());
    wire::Entry {
        kind: Some(Kind::Control(control)),
    }
}

fn event_of(entry: &wire::Entry) -> (ParsedEvent, EventHeader) {
    let Some(Kind::Event(event)) = &entry.kind else {
        panic!("not an event")
    };
    let parsed = ParsedEvent::parse(event).unwrap();
    let header = EventHeader::parse(parsed.header_bytes()).unwrap();
    (parsed, header)
}

fn signed_by_mallory(header: &EventHeader, like: &ParsedEvent) -> wire::Entry {
    let ciphertext = like.ciphertext().unwrap().clone();
    wire::Entry {
        kind: Some(Kind::Event(sign_event(header, ciphertext, &mallorys_key()))),
    }
}
