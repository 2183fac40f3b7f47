//! Keys that come out of the protocol: wiped on drop, without `Debug`, never serialized.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::sizes;

/// The key only the client learns. It is the same after registration and after every login with the same
/// passphrase, and opens the passphrase slot of the keystore.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ExportKey([u8; sizes::EXPORT_KEY]);

impl ExportKey {
    pub(crate) fn from_slice(bytes: &[u8]) -> Self {
        let mut key = [0; sizes::EXPORT_KEY];
        key.copy_from_slice(bytes);
        Self(key)
    }

    /// Hands out the 64 key bytes, to be fed to a key derivation function at once.
    pub fn expose_bytes(&self) -> &[u8; sizes::EXPORT_KEY] {
        &self.0
    }
}

/// The key both sides share after one login.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SessionKey([u8; sizes::SESSION_KEY]);

impl SessionKey {
    pub(crate) fn from_slice(bytes: &[u8]) -> Self {
        let mut key = [0; sizes::SESSION_KEY];
        key.copy_from_slice(bytes);
        Self(key)
    }

    /// Hands out the 64 key bytes.
    pub fn expose_bytes(&self) -> &[u8; sizes::SESSION_KEY] {
        &self.0
    }
}
