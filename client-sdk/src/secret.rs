//! Secrets: wiped on drop, without `Debug`, `Clone`, `Serialize` or `==`.

use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What a person knows. It never leaves this process.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes over `text`, so that no copy of it stays behind.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Hands out the bytes, to be fed to OPAQUE at once.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
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

    /// A second owner of the same secret; named, because every copy is one more to lose.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

impl From<[u8; SecretKey::LENGTH]> for SecretKey {
    fn from(bytes: [u8; SecretKey::LENGTH]) -> Self {
        Self(bytes)
    }
}

/// Bytes that are wiped on drop.
pub(crate) type SecretBytes = Zeroizing<Vec<u8>>;
