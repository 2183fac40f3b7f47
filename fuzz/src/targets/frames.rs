//! Frames of the socket, in both directions.

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::wire::{self, client_frame, entry, relay_frame};

use crate::{Target, seeds};

const VECTORS: &str = include_str!("../../../protocol/vectors/frames.json");

fn seeds() -> Vec<Vec<u8>> {
    seeds::of_vectors(VECTORS)
}

pub const CLIENT_FRAME: Target = Target {
    name: "client_frame",
    what: "what a client sends on a socket, as the relay decodes it",
    run: |bytes| {
        let Some(frame) = sealpost_relay::fuzzing::client_frame(Bytes::copy_from_slice(bytes)) else {
            return;
        };
        assert_ne!(frame.request_id, 0, "a frame without a request id is none");
        if let Some(client_frame::Body::Publish(publish)) = frame.body {
            parse_entries(&publish.entries);
        }
    },
    seeds,
};

pub const RELAY_FRAME: Target = Target {
    name: "relay_frame",
    what: "what a relay sends on a socket, as a client decodes it",
    run: |bytes| {
        let Ok(frame) = wire::RelayFrame::decode(bytes) else {
            return;
        };
        let again = wire::RelayFrame::decode(&frame.encode_to_vec()[..]);
        assert_eq!(again.as_ref(), Ok(&frame), "a frame survives its encoding");
        if let Some(relay_frame::Body::Page(page)) = frame.body {
            parse_entries(&page.entries);
        }
    },
    seeds,
};

fn parse_entries(entries: &[wire::Entry]) {
    for entry in entries {
        match &entry.kind {
            Some(entry::Kind::Event(event)) => drop(ParsedEvent::parse(event)),
            Some(entry::Kind::Control(control)) => drop(ParsedControl::parse(control)),
            None => {}
        }
    }
}
