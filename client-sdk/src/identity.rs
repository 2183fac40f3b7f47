//! The keys of a principal.

use ed25519_dalek::SigningKey;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use rand::CryptoRng;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::{PrincipalKind, SignedManifest};

use crate::secret::SecretKey;

/// The X-Wing private key.
pub(crate) type HpkePrivateKey = <XWing as Kem>::PrivateKey;

/// A principal with its private keys: an Ed25519 seed and an X-Wing seed, each 32 random bytes used as they are. HPKE's
/// DeriveKeyPair is never run: implementations of it differ for X-Wing.
pub(crate) struct Identity {
    signing_seed: SecretKey,
    hpke_seed: SecretKey,
    signing_key: SigningKey,
    /// Boxed: it is kept expanded, and moved through many futures.
    hpke_key: Box<HpkePrivateKey>,
    manifest: Manifest,
}

impl Identity {
    /// Draws a new principal.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_seeds(SecretKey::generate(rng), SecretKey::generate(rng))
    }

    /// Draws a new agent.
    pub(crate) fn generate_agent(rng: &mut impl CryptoRng) -> Self {
        Self::generate(rng).into_agent()
    }

    /// The human principal of these seeds.
    pub(crate) fn from_seeds(signing_seed: SecretKey, hpke_seed: SecretKey) -> Self {
        Self::of_kind(PrincipalKind::Human, signing_seed, hpke_seed)
    }

    /// The agent with the same seeds: another principal.
    pub(crate) fn into_agent(self) -> Self {
        Self::of_kind(PrincipalKind::Agent, self.signing_seed, self.hpke_seed)
    }

    fn of_kind(kind: PrincipalKind, signing_seed: SecretKey, hpke_seed: SecretKey) -> Self {
        let signing_key = SigningKey::from_bytes(signing_seed.expose_bytes());
        let hpke_key = HpkePrivateKey::from_bytes(hpke_seed.expose_bytes())
            .expect("every 32 bytes are a seed of X-Wing");
        let public = XWing::sk_to_pk(&hpke_key).to_bytes();
        let manifest = Manifest::new(kind, &PublicKey::of(&signing_key), &public)
            .expect("a public key of X-Wing has the length the manifest asks for");
        Self {
            signing_seed,
            hpke_seed,
            signing_key,
            hpke_key: Box::new(hpke_key),
            manifest,
        }
    }

    /// Signs events, records and proofs.
    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// Opens wraps.
    pub(crate) fn hpke_key(&self) -> &HpkePrivateKey {
        &self.hpke_key
    }

    /// The public half.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The public half with its own signature.
    pub(crate) fn signed_manifest(&self) -> SignedManifest {
        self.manifest.sign(&self.signing_key)
    }

    pub(crate) fn id(&self) -> PrincipalId {
        self.manifest.id()
    }

    /// For the keystore: the signing seed, then the HPKE seed.
    pub(crate) fn expose_seeds(&self) -> (&SecretKey, &SecretKey) {
        (&self.signing_seed, &self.hpke_seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_imported_raw() {
        let identity = Identity::from_seeds(SecretKey::from([1; 32]), SecretKey::from([2; 32]));
        assert_eq!(identity.hpke_key().to_bytes()[..], [2; 32]);
        assert_eq!(identity.signing_key().to_bytes(), [1; 32]);
    }

    #[test]
    fn signed_manifest_verifies() {
        let identity = Identity::generate(&mut crate::entropy::system());
        let parsed = Manifest::parse_signed(&identity.signed_manifest()).unwrap();
        assert_eq!(parsed.id(), identity.id());
    }
}
