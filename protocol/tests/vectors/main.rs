//! Holds this crate to the files in `vectors/`: what they call valid is accepted by every way in and means what they say;
//! each other vector has one fault and is refused by every way in.

#![expect(
    clippy::unwrap_used,
    reason = "what a file calls well-formed and is not fails the test"
)]

mod blobs;
mod entries;
mod epochs;
mod files;
mod hashes;
mod invites;
mod log;
mod messages;
mod mutations;
mod signatures;
mod tables;
mod ways_in;
