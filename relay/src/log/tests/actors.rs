//! People with keys.

use ed25519_dalek::SigningKey;
use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId, WriterId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::PrincipalKind;

use crate::spaces::{AuthenticatedPrincipal, Party};

/// Somebody at a device.
#[derive(Clone)]
pub struct Actor {
    pub key: SigningKey,
    pub manifest: Manifest,
    pub writer: WriterId,
}

impl Actor {
    pub fn alice() -> Self {
        Self::new(1)
    }

    pub fn bob() -> Self {
        Self::new(2)
    }

    /// Somebody who belongs to no space.
    pub fn mallory() -> Self {
        Self::new(66)
    }

    pub fn new(seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let hpke_key = [seed; limits::HPKE_KEY];
        let manifest = Manifest::new(PrincipalKind::Human, &PublicKey::of(&key), &hpke_key).unwrap();
        Self {
            key,
            manifest,
            writer: WriterId::new([seed; 16]),
        }
    }

    /// The same person at another device.
    pub fn at_device(&self, device: u8) -> Self {
        Self {
            writer: WriterId::new([device; 16]),
            ..self.clone()
        }
    }

    pub fn id(&self) -> PrincipalId {
        self.manifest.id()
    }

    pub fn account(&self) -> AccountId {
        let mut account = [0; 16];
        account.copy_from_slice(&self.id().as_bytes()[..16]);
        AccountId::new(account)
    }

    /// What the handshake makes of this person.
    pub fn principal(&self) -> AuthenticatedPrincipal {
        AuthenticatedPrincipal::new(
            self.id(),
            Party::Person(self.account()),
            SessionId::new([9; 16]),
            self.writer,
            PublicKey::of(&self.key),
        )
    }
}
