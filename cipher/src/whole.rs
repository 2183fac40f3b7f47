//! One text under one nonce.

use chacha20::{R20, hchacha};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use zeroize::Zeroize;

use crate::{KEY, NONCE, NotAuthentic, TAG};

/// Bytes of the nonce that choose the subkey.
const SUBKEY_NONCE: usize = 16;

/// Seals `text` in place and returns its tag. A nonce must never come again under the same key.
///
/// # Panics
/// With 256 GiB of text or more, where `ChaCha20`'s counter ends.
#[must_use]
pub fn seal_in_place(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    associated_data: &[u8],
    text: &mut [u8],
) -> [u8; TAG] {
    let (key, nonce) = of_nonce(key, nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(associated_data), text)
        .expect("the text is shorter than the 256 GiB that ChaCha20 can encrypt");
    tag.as_ref().try_into().expect("a tag has 16 bytes")
}

/// Opens `text` in place.
///
/// # Errors
/// [`NotAuthentic`]; then `text` holds nothing of use.
pub fn open_in_place(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    associated_data: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG],
) -> Result<(), NotAuthentic> {
    let (key, nonce) = of_nonce(key, nonce);
    key.open_in_place_separate_tag(nonce, Aad::from(associated_data), Tag::from(*tag), text, 0..)
        .map(drop)
        .map_err(|_| NotAuthentic)
}

/// The subkey and the nonce of `ChaCha20-Poly1305` for one under `XChaCha20-Poly1305` (draft-irtf-cfrg-xchacha, section 2.3).
fn of_nonce(key: &[u8; KEY], nonce: &[u8; NONCE]) -> (LessSafeKey, Nonce) {
    let (of_subkey, of_text) = nonce.split_at(SUBKEY_NONCE);
    let of_subkey: &[u8; SUBKEY_NONCE] = of_subkey.try_into().expect("16 of 24 bytes");
    let mut subkey = hchacha::<R20>(key.into(), of_subkey.into());
    let unbound = UnboundKey::new(&CHACHA20_POLY1305, &subkey).expect("a key has 32 bytes");
    subkey.zeroize();
    let mut short = [0; 12];
    short[4..].copy_from_slice(of_text);
    (LessSafeKey::new(unbound), Nonce::assume_unique_for_key(short))
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// draft-irtf-cfrg-xchacha-03, A.3.1.
    #[test]
    fn what_the_draft_seals_has_the_tag_of_the_draft() {
        let key: [u8; KEY] = std::array::from_fn(|at| 0x80 + at as u8);
        let nonce: [u8; NONCE] = std::array::from_fn(|at| 0x40 + at as u8);
        let data = hex::decode("50515253c0c1c2c3c4c5c6c7").unwrap();
        let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for \
            the future, sunscreen would be it.";
        let mut text = *plaintext;
        let tag = seal_in_place(&key, &nonce, &data, &mut text);
        assert_eq!(hex::encode(tag), "c0875924c1c7987947deafd8780acf49");
        let mut changed = text;
        let refused = open_in_place(&key, &nonce, b"else", &mut changed, &tag);
        assert_eq!(refused, Err(NotAuthentic));
        assert_ne!(&changed, plaintext);
        open_in_place(&key, &nonce, &data, &mut text, &tag).unwrap();
        assert_eq!(&text, plaintext);
    }

    proptest! {
        /// Two implementations by different hands.
        #[test]
        fn what_is_sealed_here_is_what_another_implementation_seals(
            key: [u8; KEY],
            nonce: [u8; NONCE],
            data in vec(any::<u8>(), 0..100),
            text in vec(any::<u8>(), 0..5_000),
        ) {
            let other = XChaCha20Poly1305::new((&key).into());
            let mut theirs = text.clone();
            let tag = other.encrypt_inout_detached(&nonce.into(), &data, theirs.as_mut_slice().into()).unwrap();
            let mut ours = text.clone();
            let our_tag = seal_in_place(&key, &nonce, &data, &mut ours);
            prop_assert_eq!((&ours, our_tag), (&theirs, tag.into()));
            prop_assert_eq!(open_in_place(&key, &nonce, &data, &mut ours, &our_tag), Ok(()));
            prop_assert_eq!(ours, text);
        }

        #[test]
        fn any_flipped_bit_is_refused(text in vec(any::<u8>(), 1..300), at: prop::sample::Index, bit in 0_u8..8) {
            let (key, nonce) = ([1; KEY], [2; NONCE]);
            let mut sealed = text;
            let tag = seal_in_place(&key, &nonce, b"data", &mut sealed);
            sealed.extend_from_slice(&tag);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            let (text, tag) = sealed.split_last_chunk_mut().unwrap();
            prop_assert_eq!(open_in_place(&key, &nonce, b"data", text, tag), Err(NotAuthentic));
        }
    }
}
