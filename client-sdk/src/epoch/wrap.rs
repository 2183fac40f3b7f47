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
use crate::weakened::holds;

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

/// A key that something may be sealed to: an X-Wing public key whose X25519 half is canonical and not of low order. With such a half
/// everybody knows what is agreed on, and who chose the other half badly, too, would be sealed to in the open.
///
/// # Errors
/// [`WrapError::RecipientKey`].
pub(crate) fn usable_key(hpke_key: &[u8]) -> Result<<XWing as Kem>::PublicKey, WrapError> {
    let (_, x25519) = hpke_key.split_last_chunk().ok_or(WrapError::RecipientKey)?;
    if !holds(is_canonical(x25519) && !LOW_ORDER.contains(x25519)) {
        return Err(WrapError::RecipientKey);
    }
    <XWing as Kem>::PublicKey::from_bytes(hpke_key).map_err(|_| WrapError::RecipientKey)
}

/// Whether the number is below 2^255 - 19, in the only way to write it.
fn is_canonical(x25519: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = x25519;
    let is_at_the_end = *last == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    *last < 0x80 && !(is_at_the_end && *first >= 0xed)
}

/// The points of order 1, 2, 4 and 8 of Curve25519 and its twist, each written canonically (RFC 7748, section 6.1; Bernstein,
/// "Curve25519", question on contributory behaviour).
const LOW_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
];

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
    let public = usable_key(recipient.hpke_key())?;
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
