//! A relay that wraps an honest one and misbehaves on command, and the cases that hold a client against it.
//!
//! - [`relay`]: the relay between a client and an honest one. Anybody can point a client of their own at it.
//! - [`cases`]: what it does, each with a name, and what a client must make of it.
//! - [`orders`]: what it can be ordered to do to any client.
//! - [`victim`]: whose client it is: the SDK, or the one in `tests/interop`.
//! - [`scene`]: an honest relay, Alice, and Bob whose client is the victim.
//! - [`report`]: what came of it.

#![expect(
    clippy::unwrap_used,
    reason = "a case that cannot set up its scene should stop there, and is reported so"
)]

pub mod cases;
pub mod orders;
pub mod relay;
pub mod report;
pub mod scene;
pub mod victim;

mod entries;
mod forgery;
mod keystore;
