//! The entries of a log as the relay has them in hand.

use bytes::Bytes;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::ids::{EventId, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{self, Entry, Page};

/// The event of an entry.
pub(crate) fn event(page: &mut Page, at: usize) -> &mut wire::SignedEvent {
    match &mut page.entries[at].kind {
        Some(Kind::Event(event)) => event,
        other => panic!("an event was expected at {at}, not {other:?}"),
    }
}

/// The record of an entry.
pub(crate) fn record(page: &mut Page, at: usize) -> &mut wire::SignedControl {
    match &mut page.entries[at].kind {
        Some(Kind::Control(record)) => record,
        other => panic!("a record was expected at {at}, not {other:?}"),
    }
}

/// Changes one bit.
pub(crate) fn flip(bytes: &mut Bytes, at: usize) {
    let mut changed = bytes.to_vec();
    changed[at] ^= 1;
    *bytes = changed.into();
}

/// The same with another last bit.
pub(crate) fn spoilt(mut bytes: Bytes) -> Bytes {
    let last = bytes.len() - 1;
    flip(&mut bytes, last);
    bytes
}

pub(crate) fn event_entry(event: wire::SignedEvent) -> Entry {
    Entry {
        kind: Some(Kind::Event(event)),
    }
}

fn id(entry: &Entry) -> EventId {
    match entry.kind.as_ref().unwrap() {
        Kind::Event(event) => ParsedEvent::parse(event).unwrap().id(),
        Kind::Control(record) => ParsedControl::parse(record).unwrap().id(),
    }
}

/// Where a log ends that consists of these, from its beginning on.
pub(crate) fn end_of(space: &SpaceId, entries: &[Entry]) -> Cursor {
    behind(Cursor::start(space), entries)
}

/// Where it ends when these follow.
pub(crate) fn behind(at: Cursor, entries: &[Entry]) -> Cursor {
    entries.iter().fold(at, |at, entry| at.after(&id(entry)))
}

/// Adds the order of the group to the scalar: the same signature, written otherwise.
pub(crate) fn not_reduced(signature: &Bytes) -> Bytes {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut changed = signature.to_vec();
    let mut carry = 0;
    for (byte, order) in changed[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    changed.into()
}
