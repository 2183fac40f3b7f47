//! A new device that is let in by one that is logged in.
//!
//! The new device draws a one-time key and a secret and shows both in a [`DeviceCode`]: the key as the hash of all that the
//! device says of itself. Whoever has read the code from its screen finds the request at the relay by what the code derives,
//! checks it against the hash, and seals the keystore's root key to the one-time key, under the secret. So the relay can
//! neither exchange the key, nor make up an approval: it never has the secret.

mod approve;
mod code;
mod enter;
pub(super) mod grant;
mod pending;

pub use approve::NewDevice;
pub use code::{DeviceCode, NotADeviceCode};
pub use pending::{Approval, PendingLogin};

#[cfg(feature = "fuzzing")]
pub(crate) use grant::{a_grant, judge};
