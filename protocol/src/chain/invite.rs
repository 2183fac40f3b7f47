//! Open invites, and those who accepted one and wait for approval.

use bytes::Bytes;

use super::Capabilities;
use crate::hash::{Label, tagged_hash};
use crate::ids::PrincipalId;
use crate::keys::PublicKey;
use crate::manifest::Manifest;
use crate::root::Cursor;
use crate::wrap::Recipient;

/// An open invite, as the chain proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Its Ed25519 key, from the link's secret: its name in the chain.
    pub key: PublicKey,
    /// Its X-Wing key, from the link's secret.
    pub hpke_key: Bytes,
    /// What who accepts it gets.
    pub capabilities: Capabilities,
    /// Unix seconds; 0 is never. The relay's to enforce: the chain has no clock.
    pub expires_at_s: u64,
    /// How often it can still be accepted; never 0.
    pub uses_left: u32,
    /// Whether who accepts it becomes a member only by an AddMember record.
    pub needs_approval: bool,
    /// Whether who accepts it gets the current secret by it, and every rekey wraps to it.
    pub carries_secret: bool,
    /// Who made it.
    pub created_by: PrincipalId,
}

impl Invite {
    /// The invite as the recipient of a wrap.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        invite_recipient(&self.key, &self.hpke_key)
    }
}

/// An invite as the recipient of a wrap, from its public keys: `H(invite-id, [key, HPKE key])` stands where a member's
/// wrap has the principal id.
#[must_use]
pub fn invite_recipient(key: &PublicKey, hpke_key: &Bytes) -> Recipient {
    let id = tagged_hash(Label::INVITE_ID, &[key.as_bytes(), hpke_key]);
    Recipient::new(PrincipalId::new(id), hpke_key.clone())
}

/// Who accepted an invite that needs approval. No member: has no key and gets none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// Public keys. People compare the fingerprint before they approve.
    pub manifest: Manifest,
    /// What the invite offers.
    pub capabilities: Capabilities,
    /// The key of that invite.
    pub invite_key: PublicKey,
    /// Who made it.
    pub invited_by: PrincipalId,
    /// What the applicant's record named as seen.
    pub since: Cursor,
}

/// What an invite and whoever waits for approval by it have in common.
pub(super) struct Offer<'a> {
    pub(super) key: &'a PublicKey,
    pub(super) created_by: &'a PrincipalId,
    pub(super) capabilities: Capabilities,
}

impl Invite {
    pub(super) fn offer(&self) -> Offer<'_> {
        Offer {
            key: &self.key,
            created_by: &self.created_by,
            capabilities: self.capabilities,
        }
    }
}

impl Applicant {
    pub(super) fn offer(&self) -> Offer<'_> {
        Offer {
            key: &self.invite_key,
            created_by: &self.invited_by,
            capabilities: self.capabilities,
        }
    }
}
