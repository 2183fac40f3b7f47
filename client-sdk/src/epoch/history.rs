//! The way back: each rekey record carries the secret before, sealed under the new one.

use bytes::Bytes;
use chacha20poly1305::{AeadInOut, XNonce};
use rand::CryptoRng;
use sealpost_protocol::limits;
use sealpost_protocol::wrap::history_aad;
use zeroize::Zeroizing;

use super::{EpochKey, EpochRef, EpochSecret, WrongSecret};

/// Seals `previous` under `next`: `nonce ‖ secret ‖ tag`, 72 bytes.
pub(crate) fn seal_previous(next: &EpochKey, previous: &EpochKey, rng: &mut impl CryptoRng) -> Bytes {
    let mut nonce = [0; limits::NONCE];
    rng.fill_bytes(&mut nonce);
    let mut secret = Zeroizing::new(*previous.secret().expose_secret());
    let tag = next
        .history_cipher()
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            &associated_data(previous.at(), next.at()),
            secret.as_mut_slice().into(),
        )
        .expect("32 bytes are within the cipher's limit");
    [&nonce[..], &secret[..], &tag[..]].concat().into()
}

/// Opens what [`seal_previous`] sealed, and checks the secret against its own key id.
///
/// # Errors
/// [`WrongSecret`] if it does not open, or opens to another secret.
pub(crate) fn open_previous(
    next: &EpochKey,
    previous: &EpochRef,
    sealed: &[u8],
) -> Result<EpochKey, WrongSecret> {
    if sealed.len() != limits::SEALED_PREVIOUS {
        return Err(WrongSecret);
    }
    let (nonce, ciphertext) = sealed
        .split_first_chunk::<{ limits::NONCE }>()
        .ok_or(WrongSecret)?;
    let mut secret = Zeroizing::new(ciphertext.to_vec());
    next.history_cipher()
        .decrypt_in_place(
            &XNonce::from(*nonce),
            &associated_data(previous, next.at()),
            &mut *secret,
        )
        .map_err(|_| WrongSecret)?;
    EpochKey::checked(*previous, EpochSecret::from_slice(&secret)?)
}

fn associated_data(previous: &EpochRef, next: &EpochRef) -> Vec<u8> {
    history_aad(
        &next.space_id,
        (previous.epoch, &previous.key_id),
        (next.epoch, &next.key_id),
    )
}
