//! Epoch secrets: the keys derived from one, how one travels to a member, and how one leads to the one before.
//!
//! An [`EpochKey`] exists only where a secret was checked against the key id that the control chain names, so whoever
//! holds one needs no further proof that it is the right one.

mod history;
mod wrap;

pub(crate) use history::{open_previous, seal_previous};
pub(crate) use wrap::{WrapError, open_wrap, open_wrap_of, seal_wrap, usable_key};

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use rand::CryptoRng;
use sealpost_protocol::hash::Label;
use sealpost_protocol::ids::{KeyId, SpaceId};
use sealpost_protocol::limits;
use sealpost_protocol::wrap::epoch_info;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A secret that is not the one its epoch's key id commits to, or a seal that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret is not the one that the control chain names for this epoch")]
pub(crate) struct WrongSecret;

/// Which epoch of which space, and the commitment to its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochRef {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// 1, 2, 3 ...
    pub(crate) epoch: u64,
    /// What the chain's Rekey record names.
    pub(crate) key_id: KeyId,
}

/// 32 bytes that open everything of one epoch.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct EpochSecret([u8; limits::SECRET]);

impl EpochSecret {
    /// Draws a new secret.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Self([0; limits::SECRET]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// Takes a secret out of an opened seal.
    ///
    /// # Errors
    /// [`WrongSecret`] unless it is 32 bytes.
    pub(crate) fn from_slice(bytes: &[u8]) -> Result<Self, WrongSecret> {
        bytes.try_into().map(Self).map_err(|_| WrongSecret)
    }

    /// The secret's bytes, to be sealed.
    pub(crate) fn expose_secret(&self) -> &[u8; limits::SECRET] {
        &self.0
    }

    /// The public commitment to this secret as that of `epoch` in `space_id`.
    pub(crate) fn key_id(&self, space_id: &SpaceId, epoch: u64) -> KeyId {
        KeyId::new(*self.derive(Label::KEY_ID, space_id, epoch))
    }

    fn derive(&self, label: Label, space_id: &SpaceId, epoch: u64) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(&epoch_info(label, space_id, epoch), &mut *out)
            .expect("32 bytes are within HKDF-SHA256's output limit");
        out
    }
}

/// The secret of one epoch, checked against the key id that the control chain names.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct EpochKey {
    #[zeroize(skip)]
    at: EpochRef,
    secret: EpochSecret,
    /// Derived once: it opens every event of the epoch.
    content: [u8; limits::SECRET],
}

impl EpochKey {
    /// A new secret for the next epoch, and so a new key id.
    pub(crate) fn generate(space_id: SpaceId, epoch: u64, rng: &mut impl CryptoRng) -> Self {
        let secret = EpochSecret::generate(rng);
        let key_id = secret.key_id(&space_id, epoch);
        let at = EpochRef {
            space_id,
            epoch,
            key_id,
        };
        Self::of(at, secret)
    }

    /// Takes a secret as that of `at` without a check.
    fn of(at: EpochRef, secret: EpochSecret) -> Self {
        let content = *secret.derive(Label::CONTENT_KEY, &at.space_id, at.epoch);
        Self { at, secret, content }
    }

    /// Accepts `secret` as that of `at`.
    ///
    /// # Errors
    /// [`WrongSecret`] if its key id is another one; compared in constant time.
    pub(crate) fn checked(at: EpochRef, secret: EpochSecret) -> Result<Self, WrongSecret> {
        let key_id = secret.key_id(&at.space_id, at.epoch);
        let same: bool = key_id.as_bytes().ct_eq(at.key_id.as_bytes()).into();
        same.then(|| Self::of(at, secret)).ok_or(WrongSecret)
    }

    /// Which epoch this is the secret of.
    pub(crate) fn at(&self) -> &EpochRef {
        &self.at
    }

    /// The secret, to be sealed.
    pub(crate) fn secret(&self) -> &EpochSecret {
        &self.secret
    }

    /// Seals and opens the epoch's events.
    pub(crate) fn expose_content_key(&self) -> &[u8; limits::SECRET] {
        &self.content
    }

    /// Seals and opens the epoch's signals.
    pub(crate) fn signal_cipher(&self) -> XChaCha20Poly1305 {
        self.cipher(Label::SIGNAL_KEY)
    }

    fn history_cipher(&self) -> XChaCha20Poly1305 {
        self.cipher(Label::HISTORY_KEY)
    }

    fn cipher(&self, label: Label) -> XChaCha20Poly1305 {
        let key = self.secret.derive(label, &self.at.space_id, self.at.epoch);
        XChaCha20Poly1305::new((&*key).into())
    }
}

#[cfg(test)]
mod tests;
