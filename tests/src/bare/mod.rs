//! Clients made of bytes: people who hold their own keys and sockets that may send anything, which the SDK lets nobody do.

mod person;
mod room;
mod socket;

pub use self::{
    person::Person,
    room::{Pen, Room},
    socket::{
        Asks, Denied, Ear, HEADERS, Incoming, Mouth, Opcode, Socket, encode_request, frame, frame_head,
    },
};

use sealpost_relay::entropy::{Entropy, SystemEntropy};

/// What a relay must be called whom bare people log in to, whatever port it gets.
pub const ORIGIN: &str = "http://relay.localhost";

/// Random bytes.
#[must_use]
pub fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    SystemEntropy.fill(&mut bytes);
    bytes
}
