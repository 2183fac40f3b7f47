//! The one OPAQUE suite of Sealpost (RFC 9807) behind a typed, byte-in byte-out face.
//!
//! The suite is ristretto255 for the OPRF, 3DH over ristretto255 with SHA-512 for the key exchange and
//! Argon2id as the stretching function; the context is empty and neither side has an identifier, because
//! an origin may change and a passphrase must survive that.
//!
//! `opaque-ke` 4.0.1 lives on an older generation of the RustCrypto crates than the rest of the workspace
//! (`adr/0002`). This crate is the fence: no type of that generation crosses its interface, only byte
//! vectors and the secrets of [`secret`].
//!
//! Registration and login, each in two round trips:
//!
//! ```text
//! client                                   server
//! ClientRegistration::start   --request-->   ServerSetup::answer_registration
//! ClientRegistration::finish  <--response--
//!                             --upload-->    Record::from_upload
//!
//! ClientLogin::start          --request-->   ServerSetup::start_login (a record, or none)
//! ClientLogin::finish         <--response--
//!                             --finalization-->  LoginState::finish
//! ```

pub mod client;
pub mod error;
pub mod ksf;
pub mod secret;
pub mod server;
pub mod sizes;
mod suite;

pub use client::{ClientLogin, ClientRegistration, LoggedIn, Registered};
pub use error::Error;
pub use ksf::{CheckedKsf, KsfParameters, KsfRefused};
pub use secret::{ExportKey, SessionKey};
pub use server::{LoginState, Record, ServerSetup};

#[cfg(test)]
mod tests;
