//! The control chain of a space: who is a member, with which capabilities, under which epoch.
//!
//! A fold over control records that relay and clients run alike, each for itself. What an SDK calls:
//!
//! 1. **To read.** [`ControlChain::from_genesis`], then [`ControlChain::append`] for each record (inside a log,
//!    [`crate::fold::SpaceFold`] does that and compares roots too). An error leaves the chain as it was.
//! 2. **To know.** [`members`](ControlChain::members), [`epoch`](ControlChain::epoch), [`fence`](ControlChain::fence),
//!    [`invites`](ControlChain::invites), [`applicants`](ControlChain::applicants), [`policy`](ControlChain::policy),
//!    [`is_tombstoned`](ControlChain::is_tombstoned). Secrets are sealed to [`recipients`](ControlChain::recipients) and
//!    to nobody else, whatever a relay says.
//! 3. **To change.** [`crate::control::sign_control`] with the link of [`next_link`](ControlChain::next_link); for several
//!    records at once, [`append`](ControlChain::append) each to a clone and take the link of that. Before the signing,
//!    `append` on a clone tells whether the rules allow it.
//! 4. **To rekey.** Draw a secret for `epoch_number() + 1`, wrap it to each of `recipients()` of the chain *as it will be
//!    then*, stage the wraps, send the record with their digest ([`crate::wrap::wraps_digest`], sorted by id).
//! 5. **To wrap again** for a member that asks: only if [`Member::first_epoch`] allows, checked against
//!    [`epoch_at`](ControlChain::epoch_at).
//! 6. **To join.** [`crate::invite::InviteLink`], fetch the records, fold them, find the own key in `invites()`.

mod capabilities;
mod error;
mod invite;
mod rules;
mod state;

pub use capabilities::{Capabilities, Preset, UnknownPreset};
pub use error::ChainError;
pub use invite::{Applicant, Invite, invite_recipient};
use rules::Case;
use state::State;

use crate::control::{Link, ParsedControl};
use crate::hash::Digest32;
use crate::ids::{EventId, KeyId, PrincipalId, SpaceId};
use crate::keys::PublicKey;
use crate::manifest::Manifest;
use crate::root::Cursor;
use crate::wire;
use crate::wire::control_record::Body;
use crate::wrap::Recipient;

/// A member, as the chain proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Public keys. Their kind says human or agent.
    pub manifest: Manifest,
    /// Rights.
    pub capabilities: Capabilities,
    /// The first epoch whose secret the member is meant to have; earlier ones only through the history that later
    /// epochs seal.
    pub first_epoch: u64,
    /// Where a newcomer starts: what the record that brought it in had seen. The start of the log for the creator.
    pub since: Cursor,
}

impl Member {
    /// Whether the member has all of these.
    #[must_use]
    pub fn may(&self, capabilities: Capabilities) -> bool {
        self.capabilities.contains(capabilities)
    }
}

/// An epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// 1, 2, 3 ...
    pub number: u64,
    /// The commitment to its secret.
    pub key_id: KeyId,
    /// What its Rekey record says of the staged wraps.
    pub wraps_digest: Digest32,
}

/// Why content waits for a rekey, and what may come before it. Leaving, removing, deleting the space are always allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// It does not wait.
    None,
    /// There is no key yet.
    FirstKey,
    /// Somebody joined who is not to have the current key. More may join.
    Newcomer,
    /// Somebody left, was removed, or got new keys.
    Departure,
}

/// A verified control chain.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlChain {
    space_id: SpaceId,
    heads: Vec<EventId>,
    state: State,
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
        Ok(Self {
            space_id: record.space_id(),
            heads: vec![record.id()],
            state: State::new(creator, genesis.policy.unwrap_or_default()),
        })
    }

    /// Appends a record, or leaves the chain as it is.
    ///
    /// # Errors
    /// [`ChainError`] says which rule the record breaks.
    pub fn append(&mut self, record: &ParsedControl) -> Result<(), ChainError> {
        let seen = self.check_link(record)?;
        let case = Case {
            state: &self.state,
            record,
            seen,
        };
        let change = case.judge()?;
        self.state.apply(change);
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

    /// Where the next record links to; `seen` is how far its author has read and hashed the log.
    #[must_use]
    pub fn next_link(&self, seen: Cursor) -> Link {
        Link::Next {
            space_id: self.space_id,
            control_index: self.index() + 1,
            previous_head: self.head(),
            seen,
        }
    }

    /// The member with this id.
    #[must_use]
    pub fn member(&self, id: &PrincipalId) -> Option<&Member> {
        self.state.members.get(id)
    }

    /// All members, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.state.members.values()
    }

    /// Whom the next rekey must wrap to, and nobody else: members, and open invites that carry a secret; by id.
    #[must_use]
    pub fn recipients(&self) -> Vec<Recipient> {
        self.state.recipients()
    }

    /// The open invite with this key.
    #[must_use]
    pub fn invite(&self, key: &PublicKey) -> Option<&Invite> {
        self.state.invites.get(key.as_bytes())
    }

    /// All open invites, by key.
    pub fn invites(&self) -> impl ExactSizeIterator<Item = &Invite> {
        self.state.invites.values()
    }

    /// Who accepted an invite and waits for approval, if it is this principal.
    #[must_use]
    pub fn applicant(&self, id: &PrincipalId) -> Option<&Applicant> {
        self.state.applicants.get(id)
    }

    /// All who accepted an invite and wait for approval, by id.
    pub fn applicants(&self) -> impl ExactSizeIterator<Item = &Applicant> {
        self.state.applicants.values()
    }

    /// The current epoch; `None` until the first rekey.
    #[must_use]
    pub fn epoch(&self) -> Option<&Epoch> {
        self.state.epochs.last()
    }

    /// The current epoch's number; 0 until the first rekey.
    #[must_use]
    pub fn epoch_number(&self) -> u64 {
        self.state.epoch_number()
    }

    /// The epoch with this number.
    #[must_use]
    pub fn epoch_at(&self, number: u64) -> Option<&Epoch> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        self.state.epochs.get(at)
    }

    /// Whether content must wait for a rekey, and why.
    #[must_use]
    pub fn fence(&self) -> Fence {
        self.state.fence
    }

    /// Whether content must wait for a rekey.
    #[must_use]
    pub fn waits_for_rekey(&self) -> bool {
        self.state.fence != Fence::None
    }

    /// Retention, and what newcomers may read.
    #[must_use]
    pub fn policy(&self) -> &wire::Policy {
        &self.state.policy
    }

    /// Whether the space was deleted for good.
    #[must_use]
    pub fn is_tombstoned(&self) -> bool {
        self.state.is_tombstoned
    }

    fn check_link(&self, record: &ParsedControl) -> Result<Cursor, ChainError> {
        match record.link {
            Link::Next { seen, .. } if record.link == self.next_link(seen) => Ok(seen),
            _ => Err(ChainError::Conflict),
        }
    }
}

#[cfg(test)]
mod tests;
