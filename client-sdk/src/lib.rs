//! The Sealpost client: keys, keystore, contacts, spaces and the sync engine.
//!
//! The relay orders, stores and fans out what it cannot read; everything in this crate assumes that it may lie. Each
//! answer is checked before it is used, and a check that fails is an [`Error::Integrity`], never a warning.

mod account;
mod backoff;
mod blocking;
mod client;
pub mod clock;
pub mod config;
mod contacts;
pub mod content;
mod entropy;
mod epoch;
pub mod error;
mod http;
mod identity;
mod keystore;
mod outbox;
pub mod secret;
mod socket;
pub mod space;
mod store;
mod sync;
#[cfg(test)]
mod testing;
pub mod transport;

pub use account::{Device, RelayInfo};
pub use client::{Account, Client};
pub use config::ClientConfig;
pub use contacts::{ConfirmedContact, Contact, Contacts};
pub use content::Message;
pub use error::Error;
pub use keystore::{NotARecoveryCode, RecoveryCode};
pub use sealpost_protocol as protocol;
pub use secret::Passphrase;
pub use socket::ConnectionState;
pub use space::{Delivered, Packing, Position, Sent, Space, SpaceOptions};
