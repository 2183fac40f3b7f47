//! Principals: a public manifest, its hash, and the fingerprint people compare.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::canonical::{NotCanonical, decode_canonical, encode};
use crate::hash::{Label, tagged_hash};
use crate::ids::PrincipalId;
use crate::keys::{KeyError, PublicKey, sign};
use crate::wire::{self, PrincipalKind};
use crate::{VERSION, limits};

pub use crate::fingerprint::Fingerprint;

/// A manifest that must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Has a second encoding or unknown fields.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Of a version this code does not know.
    #[error("manifest version {0} is not known; update this program")]
    Version(u32),
    /// Neither human nor agent.
    #[error("the manifest names no known kind of principal")]
    Kind,
    /// The HPKE key has the wrong length.
    #[error("the HPKE key must be {} bytes", limits::HPKE_KEY)]
    HpkeKeyLength,
    /// The signing key is weak, or the signature is not by it.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A well-formed public manifest. That it belongs to a certain person is for people to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    bytes: Bytes,
    id: PrincipalId,
    kind: PrincipalKind,
    signing_key: PublicKey,
    hpke_key: Bytes,
}

impl Manifest {
    /// The manifest of a principal with these public keys.
    ///
    /// # Errors
    /// [`ManifestError::HpkeKeyLength`].
    pub fn new(kind: PrincipalKind, signing_key: &PublicKey, hpke_key: &[u8]) -> Result<Self, ManifestError> {
        Self::parse(&encode(&wire::PrincipalManifest {
            version: VERSION,
            kind: kind.into(),
            signing_key: Bytes::copy_from_slice(signing_key.as_bytes()),
            hpke_key: Bytes::copy_from_slice(hpke_key),
        }))
    }

    /// Parses the canonical bytes of a manifest.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn parse(bytes: &Bytes) -> Result<Self, ManifestError> {
        let message: wire::PrincipalManifest = decode_canonical(bytes)?;
        if message.version != VERSION {
            return Err(ManifestError::Version(message.version));
        }
        let kind = message.kind();
        if kind == PrincipalKind::Unspecified {
            return Err(ManifestError::Kind);
        }
        if message.hpke_key.len() != limits::HPKE_KEY {
            return Err(ManifestError::HpkeKeyLength);
        }
        Ok(Self {
            bytes: bytes.clone(),
            id: PrincipalId::new(tagged_hash(Label::PRINCIPAL_ID, &[bytes])),
            kind,
            signing_key: PublicKey::parse(&message.signing_key)?,
            hpke_key: message.hpke_key,
        })
    }

    /// Parses a manifest and checks that it is signed by its own key.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn parse_signed(signed: &wire::SignedManifest) -> Result<Self, ManifestError> {
        let manifest = Self::parse(&signed.manifest)?;
        manifest
            .signing_key
            .verify(Label::MANIFEST, &[&signed.manifest], &signed.signature)?;
        Ok(manifest)
    }

    /// This manifest with its signature by `key`, which must be its own.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> wire::SignedManifest {
        let signature = Bytes::copy_from_slice(&sign(key, Label::MANIFEST, &[&self.bytes]));
        wire::SignedManifest {
            manifest: self.bytes.clone(),
            signature,
        }
    }

    /// The canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The principal's id.
    #[must_use]
    pub fn id(&self) -> PrincipalId {
        self.id
    }

    /// Human or agent.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The key that signs the principal's events and records.
    #[must_use]
    pub fn signing_key(&self) -> &PublicKey {
        &self.signing_key
    }

    /// The X-Wing public key that epoch secrets are wrapped to (1,216 bytes).
    #[must_use]
    pub fn hpke_key(&self) -> &Bytes {
        &self.hpke_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[9; 32])
    }

    fn manifest() -> Manifest {
        Manifest::new(
            PrincipalKind::Human,
            &PublicKey::of(&key()),
            &[3; limits::HPKE_KEY],
        )
        .unwrap()
    }

    #[test]
    fn signed_manifest_round_trips() {
        assert_eq!(Manifest::parse_signed(&manifest().sign(&key())), Ok(manifest()));
    }

    #[test]
    fn manifest_signed_by_another_key_is_refused() {
        let signed = manifest().sign(&SigningKey::from_bytes(&[8; 32]));
        assert_eq!(
            Manifest::parse_signed(&signed),
            Err(ManifestError::Key(KeyError::BadSignature))
        );
    }

    #[test]
    fn short_hpke_key_is_refused() {
        let result = Manifest::new(PrincipalKind::Human, &PublicKey::of(&key()), &[3; 32]);
        assert_eq!(result, Err(ManifestError::HpkeKeyLength));
    }
}
