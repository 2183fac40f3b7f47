//! Secrets: wiped on drop, without `Debug`, `Clone`, `Serialize` or `==`.

use std::sync::Arc;

use rand::CryptoRng;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::Error;

/// Fewest characters of a new passphrase.
const SHORTEST: usize = 8;

/// What a person knows. It never leaves this process.
pub struct Passphrase(Arc<Zeroizing<String>>);

impl Passphrase {
    /// Takes over `text`, so that no copy of it stays behind, in Unicode's normalization form C: two keyboards may write
    /// one letter in two ways.
    #[must_use]
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        // With room for all of it, so that it does not move while it grows: normalization makes nothing longer than this.
        let mut normalized = Zeroizing::new(String::with_capacity(text.len() * 3));
        normalized.extend(text.nfc());
        Self(Arc::new(normalized))
    }

    /// Hands out the bytes, to be fed to OPAQUE at once.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Refuses to set what anybody guesses. That an existing passphrase is longer is not asked for.
    pub(crate) fn expect_new(&self) -> Result<(), Error> {
        if self.0.chars().count() < SHORTEST {
            return Err(Error::usage(format!(
                "a passphrase has {SHORTEST} characters or more"
            )));
        }
        Ok(())
    }

    /// A second handle on the same bytes, for another thread.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A 32-byte key or seed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct SecretKey([u8; 32]);

impl SecretKey {
    pub(crate) const LENGTH: usize = 32;

    /// Draws a new key.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; Self::LENGTH]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// The key in `bytes`, or `None` when they are not 32.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self([0; Self::LENGTH]);
        if bytes.len() != Self::LENGTH {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// Hands out the bytes, to be fed to a primitive at once.
    pub(crate) fn expose_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl From<[u8; SecretKey::LENGTH]> for SecretKey {
    fn from(bytes: [u8; SecretKey::LENGTH]) -> Self {
        Self(bytes)
    }
}

/// Bytes that are wiped on drop.
pub(crate) type SecretBytes = Zeroizing<Vec<u8>>;
