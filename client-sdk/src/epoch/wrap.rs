//! Wraps: an epoch secret sealed to one member (RFC 9180 base mode; X-Wing, HKDF-SHA256, ChaCha20-Poly1305).
//!
//! Base mode does not say who sealed. The signed key id does: a wrap that opens to another secret is refused.

use bytes::Bytes;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand::CryptoRng;
use sealpost_protocol::limits;
use sealpost_protocol::wrap::{Recipient, wrap_info};
use zeroize::Zeroizing;

use super::{EpochKey, EpochRef, EpochSecret, WrongSecret};
use crate::identity::{HpkePrivateKey, Identity};

const ENC: usize = limits::WRAP - limits::SECRET - limits::TAG;

/// Why a wrap cannot be made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrapError {
    /// The recipient's HPKE key is no X-Wing public key.
    #[error("the member's HPKE key is not a valid X-Wing key")]
    RecipientKey,
    /// Not a wrap of this epoch for this recipient, or damaged.
    #[error("the wrap does not open for this member and epoch")]
    DoesNotOpen,
    /// It opens, but not to the secret that the chain commits to.
    #[error(transparent)]
    WrongSecret(#[from] WrongSecret),
}

/// Seals `key` to `recipient`: `enc ‖ ciphertext`, 1,168 bytes.
///
/// # Errors
/// [`WrapError::RecipientKey`].
pub(crate) fn seal_wrap(
    key: &EpochKey,
    recipient: impl Into<Recipient>,
    rng: &mut impl CryptoRng,
) -> Result<Bytes, WrapError> {
    let recipient = recipient.into();
    let public =
        <XWing as Kem>::PublicKey::from_bytes(recipient.hpke_key()).map_err(|_| WrapError::RecipientKey)?;
    let at = key.at();
    let info = wrap_info(&at.space_id, at.epoch, &at.key_id, &recipient);
    let (enc, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        &info,
        key.secret().expose_secret(),
        &[],
        rng,
    )
    .map_err(|_| WrapError::RecipientKey)?;
    Ok([&enc.to_bytes()[..], &sealed].concat().into())
}

/// Opens a wrap of epoch `at` for `me`, and checks the secret against the key id.
///
/// # Errors
/// [`WrapError::DoesNotOpen`] or [`WrapError::WrongSecret`].
pub(crate) fn open_wrap(sealed: &[u8], at: &EpochRef, me: &Identity) -> Result<EpochKey, WrapError> {
    open_wrap_of(sealed, at, &Recipient::from(me.manifest()), me.hpke_key())
}

/// The same for any recipient whose private key is at hand.
///
/// # Errors
/// As [`open_wrap`].
pub(crate) fn open_wrap_of(
    sealed: &[u8],
    at: &EpochRef,
    recipient: &Recipient,
    hpke_key: &HpkePrivateKey,
) -> Result<EpochKey, WrapError> {
    if sealed.len() != limits::WRAP {
        return Err(WrapError::DoesNotOpen);
    }
    let (enc, ciphertext) = sealed.split_at(ENC);
    let enc = <XWing as Kem>::EncappedKey::from_bytes(enc).map_err(|_| WrapError::DoesNotOpen)?;
    let info = wrap_info(&at.space_id, at.epoch, &at.key_id, recipient);
    let secret = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Base,
        hpke_key,
        &enc,
        &info,
        ciphertext,
        &[],
    )
    .map(Zeroizing::new)
    .map_err(|_| WrapError::DoesNotOpen)?;
    Ok(EpochKey::checked(*at, EpochSecret::from_slice(&secret)?)?)
}
