//! Everything that is signed: what parses has one encoding, and it is the bytes that were parsed.

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::blob::{BlobReference, Folder};
use sealpost_protocol::canonical::{decode_canonical, encode};
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::{EventHeader, ParsedEvent, without_ciphertext};
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::signal::SignalHeader;
use sealpost_protocol::wire;

use crate::{Target, seeds};

pub const EVENT: Target = Target {
    name: "event",
    what: "a signed event, from another member through the relay",
    run: event,
    seeds: || {
        let mut all = seeds::of_vectors(include_str!("../../../protocol/vectors/event.json"));
        all.extend(seeds::of_vectors(include_str!(
            "../../../protocol/vectors/event_header.json"
        )));
        all
    },
};

fn event(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(header) = EventHeader::parse(&bytes) {
        assert_eq!(header.encode(), bytes, "a header has one encoding");
    }
    let Ok(event) = wire::SignedEvent::decode(bytes) else {
        return;
    };
    if let Ok(parsed) = ParsedEvent::parse(&event) {
        let kept = ParsedEvent::parse(&without_ciphertext(&event));
        assert_eq!(
            kept.map(|kept| kept.id()),
            Ok(parsed.id()),
            "dropping content keeps the id"
        );
        assert_eq!(ParsedEvent::parse(&parsed.to_wire()).as_ref(), Ok(&parsed));
    }
}

pub const CONTROL: Target = Target {
    name: "control",
    what: "a signed control record, from another member through the relay",
    run: control,
    seeds: || {
        let mut all = seeds::of_vectors(include_str!("../../../protocol/vectors/control.json"));
        all.extend(seeds::of_vectors(include_str!(
            "../../../protocol/vectors/canonical.json"
        )));
        all
    },
};

fn control(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(record) = decode_canonical::<wire::ControlRecord>(&bytes) {
        assert_eq!(encode(&record), bytes, "a record has one encoding");
    }
    // The bytes as a whole record under any signature, and as a signed record.
    let bare = wire::SignedControl {
        record: bytes.clone(),
        signature: vec![7; 64].into(),
        co_signature: Bytes::new(),
    };
    for signed in [Some(bare), wire::SignedControl::decode(bytes).ok()]
        .into_iter()
        .flatten()
    {
        if let Ok(parsed) = ParsedControl::parse(&signed) {
            assert_eq!(parsed.to_wire(), signed, "a signed record keeps its bytes");
        }
    }
}

pub const MANIFEST: Target = Target {
    name: "manifest",
    what: "a principal's public keys, from a card, a record or the relay",
    run: |bytes| {
        let bytes = Bytes::copy_from_slice(bytes);
        if let Ok(manifest) = Manifest::parse(&bytes) {
            assert_eq!(manifest.bytes(), &bytes, "a manifest keeps its bytes");
        }
        if let Ok(signed) = wire::SignedManifest::decode(bytes) {
            drop(Manifest::parse_signed(&signed));
        }
    },
    seeds: || seeds::of_vectors(include_str!("../../../protocol/vectors/manifest.json")),
};

pub const SIGNAL: Target = Target {
    name: "signal",
    what: "the header of an ephemeral signal, from another member through the relay",
    run: |bytes| {
        let bytes = Bytes::copy_from_slice(bytes);
        if let Ok(header) = SignalHeader::parse(&bytes) {
            assert_eq!(header.encode(), bytes, "a header has one encoding");
        }
    },
    seeds: || seeds::of_vectors(include_str!("../../../protocol/vectors/signal.json")),
};

pub const BLOB_REFERENCE: Target = Target {
    name: "blob_reference",
    what: "a reference to a blob, inside a message of another member",
    run: |bytes| {
        let bytes = Bytes::copy_from_slice(bytes);
        if let Ok(reference) = BlobReference::parse(&bytes) {
            assert_eq!(reference.encode(), Ok(bytes), "a reference has one encoding");
            assert_eq!(
                reference.size.stored_range(0..reference.size.chunks()),
                0..reference.size.stored(),
                "the chunks are all that is stored"
            );
        }
    },
    seeds: || seeds::of_vectors(include_str!("../../../protocol/vectors/blob_reference.json")),
};

pub const FOLDER: Target = Target {
    name: "folder",
    what: "the names and references of a folder's files, in a blob of another member",
    run: |bytes| {
        let bytes = Bytes::copy_from_slice(bytes);
        if let Ok(folder) = Folder::parse(&bytes) {
            assert_eq!(folder.encode(), Ok(bytes), "a folder has one encoding");
        }
    },
    seeds: || seeds::of_vectors(include_str!("../../../protocol/vectors/folder.json")),
};
