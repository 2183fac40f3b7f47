//! What a chain says at one place, and how a judged record changes it. Nothing here can fail.

use std::collections::BTreeMap;

use super::invite::Offer;
use super::{Applicant, Capabilities, Epoch, Fence, Invite, Member};
use crate::ids::PrincipalId;
use crate::limits::SIGNING_KEY;
use crate::wire::Policy;
use crate::wrap::Recipient;

pub(super) type InviteKey = [u8; SIGNING_KEY];

/// Everything but the links of the chain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) members: BTreeMap<PrincipalId, Member>,
    pub(super) applicants: BTreeMap<PrincipalId, Applicant>,
    pub(super) invites: BTreeMap<InviteKey, Invite>,
    /// Epoch n at n - 1.
    pub(super) epochs: Vec<Epoch>,
    pub(super) fence: Fence,
    pub(super) policy: Policy,
    pub(super) is_tombstoned: bool,
}

/// What a record that keeps the rules does.
pub(super) enum Change {
    Join(Member),
    Apply(Applicant),
    Dismiss(PrincipalId),
    Part(PrincipalId),
    Replace(PrincipalId, Member),
    Grant(PrincipalId, Capabilities),
    Begin(Epoch),
    Invite(Invite),
    Accept(InviteKey, Box<Change>),
    Revoke(InviteKey),
    Policy(Policy),
    Tombstone,
    /// A resume record: what it says is for those who lost something.
    Nothing,
}

impl State {
    pub(super) fn new(creator: Member, policy: Policy) -> Self {
        Self {
            members: BTreeMap::from([(creator.manifest.id(), creator)]),
            applicants: BTreeMap::new(),
            invites: BTreeMap::new(),
            epochs: Vec::new(),
            fence: Fence::FirstKey,
            policy,
            is_tombstoned: false,
        }
    }

    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Join(member) => self.join(member),
            Change::Apply(applicant) => {
                self.applicants.insert(applicant.manifest.id(), applicant);
            }
            Change::Dismiss(id) => {
                self.applicants.remove(&id);
            }
            Change::Part(id) => self.part(&id),
            Change::Replace(old, new) => {
                self.part(&old);
                self.members.insert(new.manifest.id(), new);
            }
            Change::Grant(id, capabilities) => self.grant(&id, capabilities),
            Change::Begin(epoch) => {
                self.epochs.push(epoch);
                self.fence = Fence::None;
            }
            Change::Invite(invite) => {
                self.invites.insert(*invite.key.as_bytes(), invite);
            }
            Change::Accept(key, joining) => {
                self.use_up(&key);
                self.apply(*joining);
            }
            Change::Revoke(key) => self.void_invites(|offer| offer.key.as_bytes() != &key),
            Change::Policy(policy) => self.set_policy(policy),
            Change::Tombstone => self.is_tombstoned = true,
            Change::Nothing => {}
        }
    }

    pub(super) fn epoch_number(&self) -> u64 {
        self.epochs.len() as u64
    }

    pub(super) fn has_another_manager(&self, than: &PrincipalId) -> bool {
        self.members
            .iter()
            .any(|(id, member)| id != than && member.may(Capabilities::MANAGE))
    }

    /// Whether a newcomer gets the current secret, and with it the way back.
    pub(super) fn shares_history(&self) -> bool {
        self.policy.share_history
    }

    /// Whom the next rekey must wrap to, by id.
    pub(super) fn recipients(&self) -> Vec<Recipient> {
        let members = self
            .members
            .values()
            .map(|member| Recipient::from(&member.manifest));
        let invites = self.invites.values().filter(|invite| invite.carries_secret);
        let mut all: Vec<_> = members.chain(invites.map(Invite::recipient)).collect();
        all.sort_unstable_by_key(Recipient::id);
        all
    }

    /// The first epoch whose secret somebody who joins now is meant to have.
    pub(super) fn first_epoch_of_newcomer(&self) -> u64 {
        self.epoch_number() + u64::from(!self.shares_history())
    }

    fn join(&mut self, member: Member) {
        let id = member.manifest.id();
        self.applicants.remove(&id);
        self.members.insert(id, member);
        if !self.shares_history() {
            self.fence = Fence::Newcomer;
        }
    }

    /// Who goes may know the links of open invites, and so what rekeys would wrap to them.
    fn part(&mut self, id: &PrincipalId) {
        self.members.remove(id);
        self.void_invites(|_| false);
        self.fence = Fence::Departure;
    }

    /// Nobody keeps by an invite what was taken away.
    fn grant(&mut self, id: &PrincipalId, capabilities: Capabilities) {
        if let Some(member) = self.members.get_mut(id) {
            member.capabilities = capabilities;
        }
        self.void_invites(|offer| offer.created_by != id || capabilities.may_grant(offer.capabilities));
    }

    fn set_policy(&mut self, policy: Policy) {
        if policy.share_history != self.policy.share_history {
            // They carry a secret that newcomers are no longer to have, or lack one that they now need.
            self.void_invites(|_| false);
        }
        self.policy = policy;
    }

    fn use_up(&mut self, key: &InviteKey) {
        if let Some(invite) = self.invites.get_mut(key) {
            invite.uses_left -= 1;
            if invite.uses_left == 0 {
                self.invites.remove(key);
            }
        }
    }

    /// Closes the invites that are not kept, and turns away who waits for approval by them.
    fn void_invites(&mut self, keep: impl Fn(&Offer<'_>) -> bool) {
        self.invites.retain(|_, invite| keep(&invite.offer()));
        self.applicants.retain(|_, applicant| keep(&applicant.offer()));
    }
}
