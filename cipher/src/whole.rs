//! One text under one nonce.

use chacha20poly1305::{AeadInOut, Key, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use crate::{KEY, NONCE, NotAuthentic, TAG};

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
    cipher(key)
        .encrypt_inout_detached(&XNonce::from(*nonce), associated_data, text.into())
        .expect("the text is shorter than the 256 GiB that ChaCha20 can encrypt")
        .into()
}

/// Opens `text` in place.
///
/// # Errors
/// [`NotAuthentic`]; then `text` still holds ciphertext only.
pub fn open_in_place(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    associated_data: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG],
) -> Result<(), NotAuthentic> {
    cipher(key)
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            associated_data,
            text.into(),
            &Tag::from(*tag),
        )
        .map_err(|_| NotAuthentic)
}

fn cipher(key: &[u8; KEY]) -> XChaCha20Poly1305 {
    let key: &Key = key.into();
    XChaCha20Poly1305::new(key)
}

#[cfg(test)]
mod tests {
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
        let sealed = text;
        let refused = open_in_place(&key, &nonce, b"else", &mut text, &tag);
        assert_eq!((refused, text), (Err(NotAuthentic), sealed));
        open_in_place(&key, &nonce, &data, &mut text, &tag).unwrap();
        assert_eq!(&text, plaintext);
    }
}
