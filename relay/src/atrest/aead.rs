//! XChaCha20-Poly1305 with a random nonce, in one allocation.
//!
//! A counter as nonce would repeat after a restore; 24 random bytes do not in practice
//! (draft-irtf-cfrg-xchacha, section 3.1).

use std::ops::Range;

use sealpost_cipher as cipher;

use super::data_key::DATA_KEY_BYTES;
use crate::entropy::Entropy;

/// Length of the nonce, in bytes.
pub(super) const NONCE_BYTES: usize = cipher::NONCE;
/// Length of the tag, in bytes.
pub(super) const TAG_BYTES: usize = cipher::TAG;

/// Seals `plaintext` to `header ‖ nonce ‖ ciphertext ‖ tag`. The header is not authenticated here: callers
/// put what it says into `associated_data`, or check it against one allowed value.
pub(super) fn seal(
    key: &[u8; DATA_KEY_BYTES],
    entropy: &dyn Entropy,
    header: &[u8],
    associated_data: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    entropy.fill(&mut nonce);
    let text_start = header.len() + NONCE_BYTES;
    let mut sealed = Vec::with_capacity(text_start + plaintext.len() + TAG_BYTES);
    sealed.extend_from_slice(header);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let tag = cipher::seal_in_place(key, &nonce, associated_data, &mut sealed[text_start..]);
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens `nonce ‖ ciphertext ‖ tag` in place and says where in `body` the plaintext now stands; `None` if it
/// is not authentic, and then `body` holds nothing of use.
pub(super) fn open_in_place(
    key: &[u8; DATA_KEY_BYTES],
    associated_data: &[u8],
    body: &mut [u8],
) -> Option<Range<usize>> {
    let (nonce, rest) = body.split_first_chunk_mut::<NONCE_BYTES>()?;
    let (text, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
    let text_end = NONCE_BYTES + text.len();
    cipher::open_in_place(key, nonce, associated_data, text, tag).ok()?;
    Some(NONCE_BYTES..text_end)
}
