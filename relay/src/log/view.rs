//! What is known of a space to all who do not append to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sealpost_protocol::chain::{Capabilities, ControlChain, Invite};
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::ids::{KeyId, PrincipalId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use time::OffsetDateTime;

use super::LogError;
use super::ports::SpaceNumber;

/// A committed end of a log, and the membership folded through it.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) number: SpaceNumber,
    pub(super) head: Cursor,
    pub(super) membership: Arc<Membership>,
    /// Why the log does not go on after `head`, where it cannot.
    pub(super) end: Option<LogError>,
    /// When the space was brought back by a restore, if it was.
    pub(super) restored_at: Option<OffsetDateTime>,
}

impl View {
    /// That the space was not deleted.
    pub(super) fn check_lives(&self) -> Result<(), LogError> {
        match &self.end {
            Some(end @ LogError::Tombstoned { .. }) => Err(end.clone()),
            _ => Ok(()),
        }
    }
}

/// An open invite, as far as a joiner's request is judged by it.
#[derive(Clone, Debug)]
pub(super) struct InviteView {
    pub(super) expires_at_s: u64,
    pub(super) carries_secret: bool,
    /// Its id as the recipient of wraps.
    pub(super) recipient: PrincipalId,
}

/// Who may do what, under which epoch.
#[derive(Debug)]
pub(super) struct Membership {
    members: BTreeMap<PrincipalId, Capabilities>,
    /// By invite key.
    invites: BTreeMap<[u8; limits::SIGNING_KEY], InviteView>,
    /// Who waits for approval, and by which invite.
    applicants: BTreeMap<PrincipalId, [u8; limits::SIGNING_KEY]>,
    /// Of epoch n at n - 1.
    key_ids: Vec<KeyId>,
    control_index: u64,
    waits_for_rekey: bool,
}

impl Membership {
    /// As the chain says, but for the invites that count no more since a restore.
    pub(super) fn of(chain: &ControlChain, stale_invites: &BTreeSet<[u8; limits::SIGNING_KEY]>) -> Self {
        let members = chain
            .members()
            .map(|member| (member.manifest.id(), member.capabilities));
        let applicants = chain
            .applicants()
            .map(|applicant| (applicant.manifest.id(), *applicant.invite_key.as_bytes()));
        let invites = chain.invites().map(invite_view);
        let invites = invites.filter(|(key, _)| !stale_invites.contains(key));
        let epochs = (1..=chain.epoch_number()).filter_map(|number| chain.epoch_at(number));
        Self {
            members: members.collect(),
            invites: invites.collect(),
            applicants: applicants.collect(),
            key_ids: epochs.map(|epoch| epoch.key_id).collect(),
            control_index: chain.index(),
            waits_for_rekey: chain.waits_for_rekey(),
        }
    }

    pub(super) fn contains(&self, principal: &PrincipalId) -> bool {
        self.members.contains_key(principal)
    }

    pub(super) fn check_member(&self, principal: &PrincipalId) -> Result<(), LogError> {
        self.contains(principal).then_some(()).ok_or(LogError::NotAMember)
    }

    /// What a member may do.
    pub(super) fn capabilities(&self, principal: &PrincipalId) -> Result<Capabilities, LogError> {
        self.members.get(principal).copied().ok_or(LogError::NotAMember)
    }

    /// Index of the last control record.
    pub(super) fn control_index(&self) -> u64 {
        self.control_index
    }

    /// The current epoch; 0 before the first.
    pub(super) fn epoch_number(&self) -> u64 {
        self.key_ids.len() as u64
    }

    /// The public commitment to the secret of an epoch.
    pub(super) fn key_id(&self, epoch: u64) -> Option<&KeyId> {
        let at = usize::try_from(epoch.checked_sub(1)?).ok()?;
        self.key_ids.get(at)
    }

    /// The open invite with this key, in time; `None` for who has used it and waits for approval by it.
    pub(super) fn check_invite(
        &self,
        key: &PublicKey,
        joiner: &PrincipalId,
        now_s: u64,
    ) -> Result<Option<InviteView>, LogError> {
        if self.applicants.get(joiner) == Some(key.as_bytes()) {
            return Ok(None);
        }
        let invite = self.invites.get(key.as_bytes()).ok_or(LogError::InviteVoid)?;
        check_not_expired(invite.expires_at_s, now_s)?;
        Ok(Some(invite.clone()))
    }

    /// That the principal may stage wraps for this epoch: the next, or one whose key is known.
    pub(super) fn check_may_stage(
        &self,
        principal: &PrincipalId,
        epoch: u64,
        key_id: &KeyId,
    ) -> Result<(), LogError> {
        let capabilities = self.members.get(principal).ok_or(LogError::NotAMember)?;
        if *capabilities == Capabilities::NONE {
            return Err(LogError::NotPermitted);
        }
        let current = self.epoch_number();
        match self.key_id(epoch) {
            Some(known) if known != key_id => Err(Refusal::WrongKey.into()),
            Some(_) => Ok(()),
            None if epoch == current + 1 => Ok(()),
            None => Err(Refusal::StaleEpoch { current }.into()),
        }
    }

    /// That the principal may signal under this epoch and key.
    pub(super) fn check_may_signal(
        &self,
        principal: &PrincipalId,
        epoch: u64,
        key_id: &KeyId,
    ) -> Result<(), LogError> {
        self.check_member(principal)?;
        match self.key_ids.last() {
            Some(current) if !self.waits_for_rekey => {
                if self.epoch_number() != epoch {
                    let current = self.epoch_number();
                    return Err(Refusal::StaleEpoch { current }.into());
                }
                let is_key = current == key_id;
                is_key.then_some(()).ok_or(LogError::Refused(Refusal::WrongKey))
            }
            _ => Err(Refusal::RekeyRequired.into()),
        }
    }
}

fn invite_view(invite: &Invite) -> ([u8; limits::SIGNING_KEY], InviteView) {
    let view = InviteView {
        expires_at_s: invite.expires_at_s,
        carries_secret: invite.carries_secret,
        recipient: invite.recipient().id(),
    };
    (*invite.key.as_bytes(), view)
}

/// The chain has no clock; the relay has. 0 is never.
pub(super) fn check_not_expired(expires_at_s: u64, now_s: u64) -> Result<(), LogError> {
    if expires_at_s != 0 && now_s >= expires_at_s {
        return Err(LogError::InviteExpired);
    }
    Ok(())
}
