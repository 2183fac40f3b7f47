//! Entries that the relay makes, alone or together with Mallory, whose keys it has.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use sealpost_protocol::control::{Link, ParsedControl, sign_control};
use sealpost_protocol::event::{EventHeader, ParsedEvent, sign_event};
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{self, Entry};
use sealpost_tests::bare::Person;

/// The header of an event.
pub(crate) fn header(entry: &Entry) -> EventHeader {
    let Some(Kind::Event(event)) = &entry.kind else {
        panic!("not an event")
    };
    EventHeader::parse(&event.header).unwrap()
}

/// The next event of the writer of this one, signed by Mallory.
pub(crate) fn next_of_the_same_writer(entry: &Entry, mallory: &Person) -> Entry {
    let Some(Kind::Event(event)) = &entry.kind else {
        panic!("not an event")
    };
    let header = EventHeader {
        writer_index: header(entry).writer_index + 1,
        previous_event_id: Some(ParsedEvent::parse(event).unwrap().id()),
        ..header(entry)
    };
    signed(&header, &mallory.key)
}

/// A first event of Mallory's own, which knows as much of the space as the author of this one did.
pub(crate) fn first_of_her_own(entry: &Entry, mallory: &Person) -> Entry {
    let header = EventHeader {
        principal_id: mallory.id(),
        writer_id: mallory.writer_id,
        ..first(entry)
    };
    signed(&header, &mallory.key)
}

/// A first event of another install of the author of this one, signed by Mallory.
pub(crate) fn first_of_a_ghost_device(entry: &Entry, mallory: &Person) -> Entry {
    let header = EventHeader {
        writer_id: mallory.writer_id,
        ..first(entry)
    };
    signed(&header, &mallory.key)
}

fn first(entry: &Entry) -> EventHeader {
    EventHeader {
        writer_index: 1,
        previous_event_id: None,
        ..header(entry)
    }
}

fn signed(header: &EventHeader, key: &SigningKey) -> Entry {
    let nonsense = Bytes::from_static(&[7; 300]);
    Entry {
        kind: Some(Kind::Event(sign_event(header, nonsense, key))),
    }
}

/// A record behind the one of this entry, in the name of anybody, signed by Mallory.
pub(crate) fn record_behind(
    entry: &Entry,
    seen: Cursor,
    author: PrincipalId,
    body: Body,
    mallory: &Person,
) -> Entry {
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
    Entry {
        kind: Some(Kind::Control(sign_control(&link, &author, body, &mallory.key))),
    }
}

/// That Mallory is a member.
pub(crate) fn adding(mallory: &Person) -> Body {
    Body::AddMember(wire::AddMember {
        manifest: mallory.manifest.bytes().clone(),
        capabilities: 1,
        wrap_hash: vec![0; 32].into(),
    })
}
