//! Ed25519 as this protocol uses it: strict verification, weak keys refused.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::hash::{Label, framed};
use crate::limits;

/// A key or signature that must not be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes, not the one encoding of a point, or of small order.
    #[error("the public key is malformed or weak")]
    WeakKey,
    /// Not 64 bytes, not canonical, or not by this key over these bytes.
    #[error("the signature does not verify")]
    BadSignature,
}

/// An Ed25519 public key that is known not to be weak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Parses 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::WeakKey`] for anything but a canonical point of large order.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; limits::SIGNING_KEY] = bytes.try_into().map_err(|_| KeyError::WeakKey)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::WeakKey)?;
        // Decompression takes a y beyond the field's prime, and the key keeps the bytes it came from: only compressing the
        // point again shows a second encoding.
        let canonical = key.to_edwards().compress().as_bytes() == bytes;
        (canonical && !key.is_weak())
            .then_some(Self(key))
            .ok_or(KeyError::WeakKey)
    }

    /// The public half of `key`.
    #[must_use]
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key())
    }

    /// The key's 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; limits::SIGNING_KEY] {
        self.0.as_bytes()
    }

    /// Checks a signature over `framed(label, parts)` strictly (RFC 8032, no cofactor, no small-order R).
    ///
    /// # Errors
    /// [`KeyError::BadSignature`] if it is not by this key over exactly these bytes.
    pub fn verify(&self, label: Label, parts: &[&[u8]], signature: &[u8]) -> Result<(), KeyError> {
        let signature = Signature::from_slice(signature).map_err(|_| KeyError::BadSignature)?;
        self.0
            .verify_strict(&framed(label, parts), &signature)
            .map_err(|_| KeyError::BadSignature)
    }
}

/// Signs `framed(label, parts)`.
#[must_use]
pub fn sign(key: &SigningKey, label: Label, parts: &[&[u8]]) -> [u8; limits::SIGNATURE] {
    key.sign(&framed(label, parts)).to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_holds_for_its_label_and_parts_only() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let public = PublicKey::of(&key);
        let signature = sign(&key, Label::EVENT, &[b"a", b"b"]);
        assert_eq!(public.verify(Label::EVENT, &[b"a", b"b"], &signature), Ok(()));
        assert_eq!(
            public.verify(Label::CONTROL, &[b"a", b"b"], &signature),
            Err(KeyError::BadSignature)
        );
        assert_eq!(
            public.verify(Label::EVENT, &[b"ab", b""], &signature),
            Err(KeyError::BadSignature)
        );
        assert_eq!(
            public.verify(Label::EVENT, &[b"a", b"b"], &signature[..63]),
            Err(KeyError::BadSignature)
        );
    }

    #[test]
    fn identity_point_and_other_small_order_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut non_canonical_identity = [0xff; 32];
        non_canonical_identity[0] = 0xee;
        non_canonical_identity[31] = 0x7f;
        for bytes in [identity, [0; 32], non_canonical_identity] {
            assert_eq!(PublicKey::parse(&bytes), Err(KeyError::WeakKey));
        }
    }
}
