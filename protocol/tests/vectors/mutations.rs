//! The vectors again, cut, flipped and mixed: whatever comes in, parsers return.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use sealpost_protocol::canonical::encode;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::{EventHeader, ParsedEvent, sign_event};
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::{EventId, KeyId, PrincipalId, Root, SpaceId, WriterId};
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::padding::unpad;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::signal::SignalHeader;
use sealpost_protocol::wire::{self, entry::Kind};
use serde::Deserialize;

use super::files::{Hex, read};

#[derive(Clone, Deserialize)]
struct EntryVector {
    entry: Hex,
}

/// Gives `bytes` to every parser.
fn parse_as_everything(bytes: &Bytes) {
    let _ = EventHeader::parse(bytes);
    let _ = SignalHeader::parse(bytes);
    let _ = Manifest::parse(bytes);
    let _ = unpad(bytes);
    if let Ok(signed) = wire::SignedManifest::decode(bytes.clone()) {
        let _ = Manifest::parse_signed(&signed);
    }
    if let Ok(entry) = wire::Entry::decode(bytes.clone()) {
        parse_entry(entry);
    }
    let _ = wire::ClientFrame::decode(bytes.clone());
    let _ = wire::RelayFrame::decode(bytes.clone());
}

fn parse_entry(entry: wire::Entry) {
    match entry.kind {
        Some(Kind::Event(event)) => drop(ParsedEvent::parse(&event)),
        Some(Kind::Control(control)) => {
            if let Ok(record) = ParsedControl::parse(&control) {
                let _ = SpaceFold::from_genesis(&record);
            }
        }
        None => {}
    }
}

fn header() -> impl Strategy<Value = EventHeader> {
    let ids = (
        any::<[u8; 32]>(),
        any::<[u8; 32]>(),
        any::<[u8; 16]>(),
        any::<[u8; 32]>(),
    );
    let numbers = (1..=u64::MAX, 1..=u64::MAX, 1..=u64::MAX, any::<u64>());
    (ids, numbers, any::<[u8; 24]>()).prop_map(|(ids, numbers, nonce)| EventHeader {
        space_id: SpaceId::new(ids.0),
        epoch: numbers.0,
        key_id: KeyId::new(ids.1),
        principal_id: PrincipalId::new(ids.3),
        writer_id: WriterId::new(ids.2),
        writer_index: numbers.1,
        previous_event_id: (numbers.1 > 1).then_some(EventId::new(ids.1)),
        control_index: numbers.2,
        control_head: EventId::new(ids.3),
        seen: Cursor {
            seq: numbers.3,
            root: Root::new(ids.0),
        },
        nonce,
    })
}

proptest! {
    #[test]
    fn random_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        parse_as_everything(&bytes.into());
    }

    #[test]
    fn cut_and_flipped_entries_are_judged(which: prop::sample::Index, at: prop::sample::Index, bit in 0..8_u8, cut: bool) {
        let vectors = [read::<EntryVector>("log"), read("membership")].concat();
        let mut bytes = vectors[which.index(vectors.len())].entry.0.to_vec();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << bit;
        }
        parse_as_everything(&bytes.into());
    }

    #[test]
    fn headers_round_trip_with_one_length(header in header()) {
        let bytes = header.encode();
        prop_assert_eq!(EventHeader::parse(&bytes), Ok(header));
        let message = wire::EventHeader::decode(bytes.clone()).unwrap();
        prop_assert_eq!(message.encoded_len(), bytes.len());
        prop_assert_eq!(encode(&message), bytes);
    }

    #[test]
    fn signed_events_travel_verbatim(header in header(), ciphertext in proptest::collection::vec(any::<u8>(), 16..600)) {
        let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
        let event = sign_event(&header, ciphertext.into(), &key);
        let bytes = event.encode_to_vec();
        prop_assert_eq!(event.encoded_len(), bytes.len());
        let parsed = ParsedEvent::parse(&wire::SignedEvent::decode(&bytes[..]).unwrap()).unwrap();
        prop_assert_eq!(parsed.to_wire().encode_to_vec(), bytes);
    }
}
