//! Device secrets: 128 random bits that the passphrase slot of a keystore may need beside the passphrase.
//!
//! A relay's operator can guess passphrases at the speed of Argon2id. The device secret never leaves the owner's devices and
//! paper, so that guessing is of no use to anybody who has only what the relay has.

use rand::CryptoRng;
use sealpost_protocol::hash::{Label, tagged_hash};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::crockford;

const ENTROPY: usize = 16;
const CHECK: usize = 4;
const WRITTEN: usize = ENTROPY + CHECK;

/// Second half of a passphrase, kept on the owner's devices and on paper.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DeviceSecret([u8; ENTROPY]);

/// Text that is not a device secret. It never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no device secret: it has 32 letters and digits in eight groups, check for typing errors")]
pub struct NotADeviceSecret;

impl DeviceSecret {
    /// Draws a new secret.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(crate::entropy::draw(rng))
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// Reads a secret as a person types it: dashes, spaces and letter case do not matter.
    ///
    /// # Errors
    /// [`NotADeviceSecret`].
    pub fn parse(text: &str) -> Result<Self, NotADeviceSecret> {
        let symbols = crockford::read(text).map_err(|_| NotADeviceSecret)?;
        if symbols.len() != WRITTEN * 8 / 5 {
            return Err(NotADeviceSecret);
        }
        let written: Zeroizing<[u8; WRITTEN]> = Zeroizing::new(crockford::pack(&symbols));
        let (entropy, check) = written.split_at(ENTROPY);
        let secret = Self::from_slice(entropy).ok_or(NotADeviceSecret)?;
        (secret.checksum() == check)
            .then_some(secret)
            .ok_or(NotADeviceSecret)
    }

    /// The secret's text, for the owner's paper or their other device.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        let mut written = Zeroizing::new(self.0.to_vec());
        written.extend(self.checksum());
        crockford::write(&crockford::unpack(&written))
    }

    /// Hands out the 16 bytes, to be fed to a key derivation at once.
    pub(crate) fn expose_bytes(&self) -> &[u8; ENTROPY] {
        &self.0
    }

    /// A second copy, for a second owner of it in memory.
    pub(crate) fn share(&self) -> Self {
        Self(self.0)
    }

    fn checksum(&self) -> [u8; CHECK] {
        let hash = tagged_hash(Label::DEVICE_SECRET, &[&self.0]);
        hash[..CHECK].try_into().expect("a hash is longer")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_has_eight_groups_and_every_cut_or_swap_is_found() {
        let text = DeviceSecret([7; ENTROPY]).expose_text();
        assert_eq!(text.split('-').count(), 8);
        for length in 0..text.len() {
            assert!(DeviceSecret::parse(&text[..length]).is_err(), "cut to {length}");
        }
        let swapped: String = text.chars().rev().collect();
        assert!(DeviceSecret::parse(&swapped).is_err());
    }

    proptest! {
        #[test]
        fn every_secret_survives_paper(entropy: [u8; ENTROPY]) {
            let text = DeviceSecret(entropy).expose_text().to_ascii_lowercase().replace('-', " ");
            prop_assert_eq!(DeviceSecret::parse(&text).unwrap().0, entropy);
        }

        #[test]
        fn any_text_is_judged_without_panic(text: String) {
            let _ = DeviceSecret::parse(&text);
        }
    }
}
