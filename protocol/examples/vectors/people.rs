//! Those who appear in the vectors. Their seeds are public, so they protect nothing.

use ed25519_dalek::SigningKey;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::PrincipalKind;

/// Someone with keys.
pub struct Person {
    pub key: SigningKey,
    pub manifest: Manifest,
}

impl Person {
    /// Keys from one byte, repeated; the HPKE key is only as long as one.
    pub fn new(seed: u8, kind: PrincipalKind) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let manifest = Manifest::new(kind, &PublicKey::of(&key), &[seed; limits::HPKE_KEY])
            .expect("the key has the right length");
        Self { key, manifest }
    }

    pub fn alice() -> Self {
        Self::new(0xa1, PrincipalKind::Human)
    }

    pub fn bob() -> Self {
        Self::new(0xb0, PrincipalKind::Human)
    }

    pub fn agent() -> Self {
        Self::new(0xa6, PrincipalKind::Agent)
    }

    pub fn carol() -> Self {
        Self::new(0xca, PrincipalKind::Human)
    }

    pub fn id(&self) -> PrincipalId {
        self.manifest.id()
    }

    pub fn public_key(&self) -> PublicKey {
        PublicKey::of(&self.key)
    }
}
