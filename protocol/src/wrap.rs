//! Wraps: one epoch secret sealed to one recipient (HPKE base mode, X-Wing). This crate only fixes what is bound.

use bytes::Bytes;

use crate::hash::{Digest32, Label, framed, sha256, tagged_hash};
use crate::ids::{KeyId, PrincipalId, SpaceId};
use crate::manifest::Manifest;

/// Whom a wrap is for, as the verified chain says it: a member, or an open invite
/// ([`crate::chain::invite_recipient`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    id: PrincipalId,
    hpke_key: Bytes,
}

impl Recipient {
    pub(crate) fn new(id: PrincipalId, hpke_key: Bytes) -> Self {
        Self { id, hpke_key }
    }

    /// A member's principal id, or what stands in its place.
    #[must_use]
    pub fn id(&self) -> PrincipalId {
        self.id
    }

    /// The X-Wing public key (1,216 bytes).
    #[must_use]
    pub fn hpke_key(&self) -> &Bytes {
        &self.hpke_key
    }
}

impl From<&Manifest> for Recipient {
    fn from(member: &Manifest) -> Self {
        Self::new(member.id(), member.hpke_key().clone())
    }
}

/// HPKE `info` of a wrap: space, epoch, key id, recipient and the hash of the recipient's HPKE key.
#[must_use]
pub fn wrap_info(space_id: &SpaceId, epoch: u64, key_id: &KeyId, recipient: &Recipient) -> Vec<u8> {
    let hpke_key_hash = sha256(recipient.hpke_key());
    let epoch = epoch.to_be_bytes();
    let id = recipient.id();
    framed(
        Label::WRAP_INFO,
        &[
            space_id.as_bytes(),
            &epoch,
            key_id.as_bytes(),
            id.as_bytes(),
            &hpke_key_hash,
        ],
    )
}

/// Hash of one wrap, as an AddMember record names it.
#[must_use]
pub fn wrap_hash(sealed: &[u8]) -> Digest32 {
    tagged_hash(Label::WRAP, &[sealed])
}

/// Digest of all wraps of an epoch, as a Rekey record names it. `wraps` must be sorted by recipient.
#[must_use]
pub fn wraps_digest(wraps: &[(PrincipalId, Digest32)]) -> Digest32 {
    let list: Vec<u8> = wraps
        .iter()
        .flat_map(|(id, hash)| [&id.as_bytes()[..], hash].concat())
        .collect();
    tagged_hash(Label::WRAPS, &[&list])
}

/// Associated data of a previous epoch secret sealed under the next one.
#[must_use]
pub fn history_aad(space_id: &SpaceId, previous: (u64, &KeyId), next: (u64, &KeyId)) -> Vec<u8> {
    framed(
        Label::HISTORY,
        &[
            space_id.as_bytes(),
            &previous.0.to_be_bytes(),
            previous.1.as_bytes(),
            &next.0.to_be_bytes(),
            next.1.as_bytes(),
        ],
    )
}

/// HKDF-SHA256 `info` for a key that belongs to one epoch of one space; the epoch secret is the input key, the salt empty.
#[must_use]
pub fn epoch_info(label: Label, space_id: &SpaceId, epoch: u64) -> Vec<u8> {
    framed(label, &[space_id.as_bytes(), &epoch.to_be_bytes()])
}
