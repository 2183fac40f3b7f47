//! The keys that come from an invite link.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use sealpost_protocol::chain::invite_recipient;
use sealpost_protocol::invite::InviteLink;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::wrap::Recipient;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::epoch::{EpochKey, EpochRef, WrapError, open_wrap_of};
use crate::identity::HpkePrivateKey;

/// Both key pairs of an invite. Who holds the link has them.
pub(crate) struct InviteKeys {
    signing_key: SigningKey,
    /// Boxed: it is kept expanded, and moved through many futures.
    hpke_key: Box<HpkePrivateKey>,
    public: PublicKey,
    hpke_public: Bytes,
}

impl InviteKeys {
    /// The keys of a link.
    pub(crate) fn of(link: &InviteLink) -> Self {
        let signing_key = SigningKey::from_bytes(&derive(link, &link.signing_key_info()));
        let hpke_key = HpkePrivateKey::from_bytes(&*derive(link, &link.hpke_key_info()))
            .expect("every 32 bytes are a seed of X-Wing");
        Self {
            public: PublicKey::of(&signing_key),
            hpke_public: Bytes::copy_from_slice(&XWing::sk_to_pk(&hpke_key).to_bytes()),
            hpke_key: Box::new(hpke_key),
            signing_key,
        }
    }

    /// Signs lookups and acceptances.
    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// The invite's name in the chain.
    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What wraps to the invite are sealed to.
    pub(crate) fn hpke_public(&self) -> &Bytes {
        &self.hpke_public
    }

    /// The invite as the recipient of wraps.
    pub(crate) fn recipient(&self) -> Recipient {
        invite_recipient(&self.public, &self.hpke_public)
    }

    /// Opens a wrap to the invite, and checks the secret against the key id.
    pub(crate) fn open_wrap(&self, sealed: &[u8], at: &EpochRef) -> Result<EpochKey, WrapError> {
        open_wrap_of(sealed, at, &self.recipient(), &self.hpke_key)
    }
}

fn derive(link: &InviteLink, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, link.expose_secret())
        .expand(info, &mut *seed)
        .expect("32 bytes are within HKDF-SHA256's output limit");
    seed
}
