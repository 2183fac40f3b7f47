//! The control chain of a space: who is a member, with which capabilities, under which epoch.
//!
//! A fold over control records that relay and clients run alike, each for itself.

mod rules;

use std::collections::BTreeMap;
use std::fmt;

use crate::control::{Link, ParsedControl};
use crate::hash::Digest32;
use crate::ids::{EventId, KeyId, PrincipalId, SpaceId};
use crate::keys::KeyError;
use crate::limits;
use crate::manifest::{Manifest, ManifestError};
use crate::wire::control_record::Body;
use crate::wire::{self, PrincipalKind};

/// What a member may do, beyond reading. A set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u32);

impl Capabilities {
    /// Nothing but reading.
    pub const NONE: Self = Self(0);
    /// Write events.
    pub const WRITE: Self = Self(1);
    /// Bring in members, with no more than one's own capabilities.
    pub const INVITE: Self = Self(2);
    /// Change members, capabilities, policy and epoch.
    pub const MANAGE: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(7);

    /// The set with these bits.
    #[must_use]
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits & !Self::ALL.0 == 0).then_some(Self(bits))
    }

    /// The set's bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::WRITE, "write"),
            (Self::INVITE, "invite"),
            (Self::MANAGE, "manage"),
        ];
        f.debug_set()
            .entries(
                names
                    .iter()
                    .filter(|(bit, _)| self.contains(*bit))
                    .map(|(_, name)| name),
            )
            .finish()
    }
}

/// A member, as the chain proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Public keys.
    pub manifest: Manifest,
    /// Rights.
    pub capabilities: Capabilities,
}

/// Why a control record does not continue the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Another record took the place, or the record belongs elsewhere.
    #[error("the record does not follow the control head")]
    Conflict,
    /// The author is no member.
    #[error("the record's author is not a member")]
    NotAMember,
    /// The author lacks the capability.
    #[error("the record's author lacks the capability")]
    NotPermitted,
    /// A signature does not verify.
    #[error(transparent)]
    Signature(#[from] KeyError),
    /// A manifest inside the record is not well-formed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The record breaks a rule.
    #[error("{0}")]
    Rule(&'static str),
    /// While the space waits for a rekey, only remove, leave and rekey are accepted.
    #[error("the space waits for a rekey")]
    RekeyRequired,
    /// This version of the program cannot judge the record.
    #[error("records of this kind are not accepted yet")]
    Unsupported,
}

/// The current epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// 1, 2, 3 ...
    pub number: u64,
    /// The commitment to its secret.
    pub key_id: KeyId,
    /// What its Rekey record says of the staged wraps.
    pub wraps_digest: Digest32,
}

/// A verified control chain.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlChain {
    space_id: SpaceId,
    heads: Vec<EventId>,
    members: BTreeMap<PrincipalId, Member>,
    epoch: Option<Epoch>,
    waits_for_rekey: bool,
    policy: wire::Policy,
}

impl ControlChain {
    /// Starts a chain from its genesis record. The space then waits for the rekey to epoch 1.
    ///
    /// # Errors
    /// [`ChainError`] if the record is no valid genesis record.
    pub fn from_genesis(record: &ParsedControl) -> Result<Self, ChainError> {
        let Body::Genesis(genesis) = &record.body else {
            return Err(ChainError::Conflict);
        };
        let creator = rules::check_genesis(genesis, record)?;
        rules::check_co_signature(record)?;
        let members = BTreeMap::from([(
            creator.id(),
            Member {
                manifest: creator,
                capabilities: Capabilities::ALL,
            },
        )]);
        Ok(Self {
            space_id: record.space_id(),
            heads: vec![record.id()],
            members,
            epoch: None,
            waits_for_rekey: true,
            policy: genesis.policy.unwrap_or_default(),
        })
    }

    /// Appends a record, or leaves the chain as it is.
    ///
    /// # Errors
    /// [`ChainError`] says which rule the record breaks.
    pub fn append(&mut self, record: &ParsedControl) -> Result<(), ChainError> {
        self.check_link(record)?;
        let author = self.members.get(&record.author).ok_or(ChainError::NotAMember)?;
        record.verify(author.manifest.signing_key())?;
        rules::check_co_signature(record)?;
        match &record.body {
            Body::AddMember(add) => {
                let member = rules::check_add(self, author, add)?;
                self.add(member);
            }
            Body::Rekey(rekey) => {
                let epoch = rules::check_rekey(self, author, rekey)?;
                self.epoch = Some(epoch);
                self.waits_for_rekey = false;
            }
            _ => return Err(ChainError::Unsupported),
        }
        self.heads.push(record.id());
        Ok(())
    }

    /// The space.
    #[must_use]
    pub fn space_id(&self) -> SpaceId {
        self.space_id
    }

    /// Number of records so far.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.heads.len() as u64
    }

    /// Id of the last record.
    #[must_use]
    pub fn head(&self) -> EventId {
        *self.heads.last().expect("a chain has its genesis record")
    }

    /// Id of the record at `index`.
    #[must_use]
    pub fn head_at(&self, index: u64) -> Option<EventId> {
        let at = usize::try_from(index.checked_sub(1)?).ok()?;
        self.heads.get(at).copied()
    }

    /// The member with this id.
    #[must_use]
    pub fn member(&self, id: &PrincipalId) -> Option<&Member> {
        self.members.get(id)
    }

    /// All members, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    /// The current epoch; `None` until the first rekey.
    #[must_use]
    pub fn epoch(&self) -> Option<&Epoch> {
        self.epoch.as_ref()
    }

    /// Whether content must wait for a rekey.
    #[must_use]
    pub fn waits_for_rekey(&self) -> bool {
        self.waits_for_rekey
    }

    /// Retention, and what newcomers may read.
    #[must_use]
    pub fn policy(&self) -> &wire::Policy {
        &self.policy
    }

    fn check_link(&self, record: &ParsedControl) -> Result<(), ChainError> {
        match record.link {
            Link::Next {
                space_id,
                control_index,
                previous_head,
                ..
            } if space_id == self.space_id
                && control_index == self.index() + 1
                && previous_head == self.head() =>
            {
                Ok(())
            }
            _ => Err(ChainError::Conflict),
        }
    }

    fn add(&mut self, member: Member) {
        self.members.insert(member.manifest.id(), member);
        self.waits_for_rekey = !self.policy.share_history;
    }
}

#[cfg(test)]
mod tests;
