//! Invites: made, revoked, accepted.

use super::{Case, MemberCase, capabilities, exact};
use crate::chain::state::Change;
use crate::chain::{Applicant, ChainError, Invite, Member};
use crate::keys::PublicKey;
use crate::limits;
use crate::manifest::Manifest;
use crate::wire::{self, PrincipalKind};

const WRAP: ChainError = ChainError::Rule(
    "an invite carries a wrap, and an acceptance too, exactly where history is shared and no approval is needed",
);

impl MemberCase<'_> {
    pub(super) fn create_invite(&self, create: &wire::CreateInvite) -> Result<Change, ChainError> {
        self.state.needs_no_fence()?;
        let granted = capabilities(create.capabilities)?;
        if !self.author.capabilities.may_grant(granted) {
            return Err(ChainError::NotPermitted);
        }
        let key = PublicKey::parse(&create.invite_key)?;
        exact(
            "an invite's HPKE key must be 1,216 bytes",
            &create.hpke_key,
            limits::HPKE_KEY,
        )?;
        if create.uses == 0 || create.uses as usize > limits::MAX_MEMBERS {
            return Err(ChainError::Rule("an invite has between 1 and 4,096 uses"));
        }
        if self.state.invites.len() >= limits::MAX_OPEN_INVITES {
            return Err(ChainError::Rule(
                "the space has as many open invites as it can have",
            ));
        }
        if self.invite_maker(&key).is_some() {
            return Err(ChainError::Rule("there is an invite with this key already"));
        }
        let carries_secret = self.state.shares_history() && !create.needs_approval;
        check_wrap(&create.wrap, carries_secret)?;
        Ok(Change::Invite(Invite {
            key,
            hpke_key: create.hpke_key.clone(),
            capabilities: granted,
            expires_at_s: create.expires_at_s,
            uses_left: create.uses,
            needs_approval: create.needs_approval,
            carries_secret,
            created_by: self.record.author,
        }))
    }

    /// By who made it, or by a manager.
    pub(super) fn revoke_invite(&self, revoke: &wire::RevokeInvite) -> Result<Change, ChainError> {
        self.state.needs_no_fence()?;
        let key = PublicKey::parse(&revoke.invite_key)?;
        let made_by = self.invite_maker(&key).ok_or(ChainError::InviteVoid)?;
        if made_by != self.record.author {
            self.needs_manage()?;
        }
        Ok(Change::Revoke(*key.as_bytes()))
    }

    /// Of an invite that is open, or used up while somebody waits for approval by it.
    fn invite_maker(&self, key: &PublicKey) -> Option<crate::ids::PrincipalId> {
        let open = self.state.invites.get(key.as_bytes());
        let mut waiting = self.state.applicants.values();
        open.map(|invite| invite.created_by).or_else(|| {
            let applicant = waiting.find(|applicant| applicant.invite_key == *key);
            applicant.map(|applicant| applicant.invited_by)
        })
    }
}

impl Case<'_> {
    /// By who joins, with the invite's key as second signature: the add itself, or a request for it.
    pub(super) fn accept(&self, accept: &wire::AcceptInvite) -> Result<Change, ChainError> {
        let key = PublicKey::parse(&accept.invite_key)?;
        let invite = self.state.invites.get(key.as_bytes());
        let invite = invite.ok_or(ChainError::InviteVoid)?;
        let joiner = Manifest::parse(&accept.manifest)?;
        if joiner.id() != self.record.author {
            return Err(ChainError::Rule(
                "the author is not the joiner that the record names",
            ));
        }
        self.record.verify(joiner.signing_key())?;
        self.record.verify_co_signature(&invite.key)?;
        self.state.lets_newcomers_in()?;
        if joiner.kind() != PrincipalKind::Human {
            return Err(ChainError::Rule("an agent joins by approval, not by an invite"));
        }
        self.state.needs_stranger(&joiner)?;
        check_wrap(&accept.wrap, invite.carries_secret)?;
        let joining = if invite.needs_approval {
            self.apply_by(invite, joiner)?
        } else {
            self.join_by(invite, joiner)?
        };
        Ok(Change::Accept(*key.as_bytes(), Box::new(joining)))
    }

    fn join_by(&self, invite: &Invite, manifest: Manifest) -> Result<Change, ChainError> {
        self.state.needs_room()?;
        Ok(Change::Join(Member {
            manifest,
            capabilities: invite.capabilities,
            first_epoch: self.state.first_epoch_of_newcomer(),
            since: self.seen,
        }))
    }

    fn apply_by(&self, invite: &Invite, manifest: Manifest) -> Result<Change, ChainError> {
        if self.state.applicants.contains_key(&manifest.id()) {
            return Err(ChainError::Rule("the principal waits for approval already"));
        }
        if self.state.applicants.len() >= limits::MAX_APPLICANTS {
            return Err(ChainError::Rule("as many wait for approval as the space allows"));
        }
        Ok(Change::Apply(Applicant {
            manifest,
            capabilities: invite.capabilities,
            invite_key: invite.key,
            invited_by: invite.created_by,
            since: self.seen,
        }))
    }
}

fn check_wrap(wrap: &[u8], is_there: bool) -> Result<(), ChainError> {
    let length = if is_there { limits::WRAP } else { 0 };
    (wrap.len() == length).then_some(()).ok_or(WRAP)
}
