//! Agents: programs that act for a person, with keys of their own.
//!
//! A person lets one in with a [`PairingCode`], which also tells the agent who its owner is; compares the fingerprint that the
//! agent shows, and brings it into spaces. The agent takes part in spaces only that this owner brought it into. Its home
//! holds all that it has: there is no keystore of it at the relay.

mod enroll;
mod owner;
mod pairing;
mod session;

pub use owner::{Agent, Agents, RevokedAgent};
pub use pairing::{NotAPairingCode, PairingCode};

#[cfg(test)]
mod tests;
