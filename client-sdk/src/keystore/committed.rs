//! A box that opens under one key only.
//!
//! `HKDF-SHA256(salt, key, context)` gives 64 bytes: the encryption key, then the commitment. The commitment is stored
//! and compared in constant time before anything is decrypted, so that no ciphertext opens under two keys (salamanders)
//! and a guess is never tested against the cipher (partitioning oracles). The salt is 32 random bytes for each box, so
//! that each box has an encryption key of its own.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rand::CryptoRng;
use sealpost_protocol::limits;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::format::CommittedBox;
use crate::entropy;
use crate::secret::{SecretBytes, SecretKey};

const SALT: usize = 32;
const COMMITMENT: usize = 32;

/// Seals `plaintext` under `key` for `context`, which is bound into key derivation and associated data.
pub(super) fn seal(
    key: &SecretKey,
    context: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> CommittedBox {
    let salt: [u8; SALT] = entropy::draw(rng);
    let nonce: [u8; limits::NONCE] = entropy::draw(rng);
    let derived = Derived::new(key, &salt, context);
    let payload = Payload {
        msg: plaintext,
        aad: context,
    };
    let ciphertext = derived
        .cipher()
        .encrypt(&XNonce::from(nonce), payload)
        .expect("a keystore is far below the cipher's limit of 256 GiB");
    CommittedBox {
        salt: salt.to_vec(),
        commitment: derived.commitment().to_vec(),
        nonce: nonce.to_vec(),
        ciphertext,
    }
}

/// Opens a box, or says nothing about why it does not open.
pub(super) fn open(key: &SecretKey, context: &[u8], sealed: &CommittedBox) -> Option<SecretBytes> {
    if sealed.salt.len() != SALT {
        return None;
    }
    let nonce: [u8; limits::NONCE] = sealed.nonce[..].try_into().ok()?;
    let derived = Derived::new(key, &sealed.salt, context);
    if !bool::from(derived.commitment().ct_eq(&sealed.commitment)) {
        return None;
    }
    let payload = Payload {
        msg: &sealed.ciphertext,
        aad: context,
    };
    let plaintext = derived.cipher().decrypt(&XNonce::from(nonce), payload).ok()?;
    Some(plaintext.into())
}

struct Derived(Zeroizing<[u8; SecretKey::LENGTH + COMMITMENT]>);

impl Derived {
    fn new(key: &SecretKey, salt: &[u8], context: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; SecretKey::LENGTH + COMMITMENT]);
        Hkdf::<Sha256>::new(Some(salt), key.expose_bytes())
            .expand(context, &mut bytes[..])
            .expect("64 bytes are below HKDF's limit of 8,160");
        Self(bytes)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let (key, _) = self.0.split_at(SecretKey::LENGTH);
        XChaCha20Poly1305::new_from_slice(key).expect("the first half has the length of a key")
    }

    fn commitment(&self) -> &[u8] {
        &self.0[SecretKey::LENGTH..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SecretKey {
        SecretKey::from([byte; 32])
    }

    #[test]
    fn box_opens_under_its_key_and_context_only() {
        let sealed = seal(&key(1), b"context", b"plaintext", &mut entropy::system());
        assert_eq!(open(&key(1), b"context", &sealed).unwrap()[..], *b"plaintext");
        assert!(open(&key(2), b"context", &sealed).is_none());
        assert!(open(&key(1), b"other", &sealed).is_none());
    }

    #[test]
    fn box_with_a_foreign_commitment_is_refused_before_it_is_decrypted() {
        // A salamander: the ciphertext is right for this key, the commitment is that of another one.
        let mut sealed = seal(&key(1), b"context", b"plaintext", &mut entropy::system());
        sealed.commitment = Derived::new(&key(2), &sealed.salt, b"context")
            .commitment()
            .to_vec();
        assert!(open(&key(1), b"context", &sealed).is_none());
        assert!(open(&key(2), b"context", &sealed).is_none());
    }

    #[test]
    fn short_parts_are_refused() {
        let whole = seal(&key(1), b"", b"plaintext", &mut entropy::system());
        for cut in 0..4 {
            let mut sealed = whole.clone();
            match cut {
                0 => sealed.salt.clear(),
                1 => sealed.commitment.truncate(31),
                2 => sealed.nonce.truncate(12),
                _ => sealed.ciphertext.truncate(15),
            }
            assert!(open(&key(1), b"", &sealed).is_none(), "part {cut}");
        }
    }
}
