//! What the relay and its clients must agree on: frames, ids, signing bytes, limits and error codes.
//!
//! No I/O, no threads, no clock, no randomness: bytes in, typed facts or a refusal out. `SPEC.md` beside this crate is
//! normative; the vectors in `vectors/` hold both to it.

pub mod agent;
pub mod approval;
pub mod blob;
pub mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod close;
pub mod code;
pub mod control;
pub mod event;
pub mod evidence;
mod fingerprint;
pub mod fold;
pub mod handle;
pub mod hash;
pub mod http;
pub mod ids;
pub mod invite;
pub mod keys;
pub mod limits;
pub mod manifest;
pub mod padding;
pub mod receipt;
pub mod recovery;
pub mod resume;
pub mod root;
pub mod signal;
pub mod socket;
pub mod text;
pub mod tombstone;
pub mod wrap;
pub mod writer;

#[cfg(test)]
mod testing;

/// The protobuf messages of `proto/sealpost.proto`, as generated.
#[expect(
    missing_docs,
    clippy::doc_markdown,
    reason = "generated; documented in the .proto and in SPEC.md"
)]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/sealpost.v1.rs"));
}

/// The WebSocket subprotocol that names version 1 of everything in this crate.
pub const SUBPROTOCOL: &str = "sealpost.v1";

/// The version number inside every signed structure.
pub const VERSION: u32 = 1;
