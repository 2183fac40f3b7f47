//! The keystore: an account's private keys and what it must not lose, sealed so that the relay can keep it.
//!
//! A random root key seals the content. Each slot seals the root key once more, under a key that something the owner has
//! gives: the passphrase (through OPAQUE's export key) or the recovery code. A change of the content leaves the slots as
//! they are, and needs the root key alone.
//!
//! ```text
//! passphrase --OPAQUE--> export key (+ device secret) --HKDF--> slot key --\
//!                                                                           >-- slot --> root key --> content
//! recovery code ---------------------------------------HKDF--> slot key --/
//! ```
//!
//! XChaCha20-Poly1305 does not commit to its key; so every box here carries a commitment that is compared before anything
//! is decrypted ([`committed`]). Version, account and generation are bound into each box. Everything that is wrong with a
//! keystore looks alike: [`sealed::DoesNotOpen`].

mod committed;
mod content;
pub(crate) mod crockford;
mod device_secret;
pub(crate) mod export;
mod format;
mod recovery_code;
mod sealed;
mod slot;

pub(crate) use content::{AGENT_PREFIX, Content, KnownContact, KnownSpace, RelayPin, VerifiedPlace};
pub use device_secret::{DeviceSecret, NotADeviceSecret};
pub use recovery_code::{NotARecoveryCode, RecoveryCode};
pub(crate) use sealed::{GENERATIONS_PER_LIFE, Opened, SealedKeystore};
pub(crate) use slot::{SlotKey, SlotKind};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
