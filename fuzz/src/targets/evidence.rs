//! What proves that a relay lies: its own signatures, in signals of other members and in files of anybody.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use prost::Message;
use sealpost_protocol::checkpoint::Checkpoint;
use sealpost_protocol::evidence;
use sealpost_protocol::hash::Label;
use sealpost_protocol::keys::{PublicKey, sign};
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::signal::SignalContent;
use sealpost_protocol::wire::{self, PrincipalKind};

use crate::{Target, seeds};

/// Whoever signs, signs anything.
fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

pub const CHECKPOINT: Target = Target {
    name: "checkpoint",
    what: "what a relay has signed of a log, from that relay or from another member",
    run: |bytes| {
        let statement = Bytes::copy_from_slice(bytes);
        let signed = wire::SignedCheckpoint {
            signature: sign(&key(), Label::CHECKPOINT, &[&statement]).to_vec().into(),
            checkpoint: statement,
        };
        let public = PublicKey::of(&key());
        if let Ok(checkpoint) = Checkpoint::verify(&signed, &public) {
            assert_eq!(checkpoint.sign(&key()), signed, "a checkpoint has one encoding");
        }
        if let Ok(signed) = wire::SignedCheckpoint::decode(bytes) {
            drop(Checkpoint::verify(&signed, &public));
        }
    },
    seeds: || {
        with_inside(
            include_str!("../../../protocol/vectors/checkpoint.json"),
            statement,
        )
    },
};

/// What the vectors hold, and what is signed inside that.
fn with_inside(vectors: &str, inside: fn(&[u8]) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut all = seeds::of_vectors(vectors);
    let signed: Vec<_> = all.iter().filter_map(|bytes| inside(bytes)).collect();
    all.extend(signed);
    all
}

fn statement(bytes: &[u8]) -> Option<Vec<u8>> {
    let signed = wire::SignedCheckpoint::decode(bytes).ok()?;
    Some(signed.checkpoint.to_vec())
}

pub const EVIDENCE: Target = Target {
    name: "evidence",
    what: "a file that is said to prove that a relay lied, from anybody",
    run: |bytes| {
        let file = Bytes::copy_from_slice(bytes);
        judge(&file);
        // The same as what somebody says under a signature that holds.
        if let Ok(said) = wire::Evidence::decode(bytes) {
            let kind = PrincipalKind::Human;
            let exporter = Manifest::new(kind, &PublicKey::of(&key()), &[5; limits::HPKE_KEY]);
            judge(&evidence::export(&said, &exporter.expect("a manifest"), &key()));
        }
    },
    seeds: || with_inside(include_str!("../../../protocol/vectors/evidence.json"), said),
};

fn said(bytes: &[u8]) -> Option<Vec<u8>> {
    let signed = wire::SignedEvidence::decode(bytes).ok()?;
    Some(signed.evidence.to_vec())
}

fn judge(file: &Bytes) {
    let Ok(verdict) = evidence::verify(file) else {
        return;
    };
    assert_ne!(verdict.other_root, verdict.place.root, "it proves two logs");
    assert!(
        verdict.place.seq <= verdict.shown.at.seq,
        "of places that both have"
    );
    let mut longer = file.to_vec();
    longer.push(0);
    assert!(
        evidence::verify(&longer.into()).is_err(),
        "nothing can be added to a file that holds"
    );
}

pub const SIGNAL_CONTENT: Target = Target {
    name: "signal_content",
    what: "what a signal says, opened, from another member",
    run: |bytes| {
        if let Some(content) = SignalContent::from_padded(bytes) {
            assert_eq!(content.to_padded(), bytes, "what a signal says has one encoding");
        }
    },
    seeds: || seeds::of_vectors(include_str!("../../../protocol/vectors/signal_content.json")),
};
