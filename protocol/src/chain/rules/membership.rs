//! Who is in, and with which capabilities.

use super::{MemberCase, capabilities, exact, principal_id};
use crate::chain::state::Change;
use crate::chain::{Capabilities, ChainError, Member};
use crate::control::ParsedControl;
use crate::hash::Digest32;
use crate::manifest::Manifest;
use crate::root::Cursor;
use crate::wire::{self, PrincipalKind};

const SALT: usize = 32;
const AGENT: ChainError = ChainError::Rule("an agent cannot have `manage` or `invite`");

pub(in crate::chain) fn check_genesis(
    genesis: &wire::Genesis,
    record: &ParsedControl,
) -> Result<Member, ChainError> {
    let creator = Manifest::parse(&genesis.manifest)?;
    if creator.id() != record.author {
        return Err(ChainError::Rule(
            "the genesis record's author is not the creator it names",
        ));
    }
    if creator.kind() != PrincipalKind::Human {
        return Err(ChainError::Rule("an agent cannot create a space"));
    }
    exact("the genesis salt must be 32 bytes", &genesis.salt, SALT)?;
    record.verify(creator.signing_key())?;
    Ok(Member {
        manifest: creator,
        capabilities: Capabilities::ALL,
        first_epoch: 1,
        since: Cursor::start(&record.space_id()),
    })
}

impl MemberCase<'_> {
    pub(super) fn add(&self, add: &wire::AddMember) -> Result<Change, ChainError> {
        self.state.lets_newcomers_in()?;
        let granted = capabilities(add.capabilities)?;
        let manifest = Manifest::parse(&add.manifest)?;
        self.check_may_add(&manifest, granted)?;
        self.state.needs_stranger(&manifest)?;
        self.state.needs_room()?;
        let named = if self.state.shares_history() {
            size_of::<Digest32>()
        } else {
            0
        };
        exact(
            "a wrap must be named exactly where history is shared",
            &add.wrap_hash,
            named,
        )?;
        Ok(Change::Join(Member {
            manifest,
            capabilities: granted,
            first_epoch: self.state.first_epoch_of_newcomer(),
            since: self.seen,
        }))
    }

    /// Names a member, who must go, or one who waits for approval, who is turned away.
    pub(super) fn remove(&self, remove: &wire::RemoveMember) -> Result<Change, ChainError> {
        self.needs_manage()?;
        let id = principal_id(&remove.principal_id)?;
        if id == self.record.author {
            return Err(ChainError::Rule("nobody removes themselves: leave"));
        }
        if self.state.members.contains_key(&id) {
            return Ok(Change::Part(id));
        }
        let waits = self.state.applicants.contains_key(&id);
        let rule = "the principal is not a member";
        waits.then_some(Change::Dismiss(id)).ok_or(ChainError::Rule(rule))
    }

    pub(super) fn leave(&self) -> Result<Change, ChainError> {
        let id = self.record.author;
        self.state.needs_another_manager(&id)?;
        Ok(Change::Part(id))
    }

    pub(super) fn set_capabilities(&self, set: &wire::SetCapabilities) -> Result<Change, ChainError> {
        self.state.needs_no_fence()?;
        self.needs_manage()?;
        let granted = capabilities(set.capabilities)?;
        let id = principal_id(&set.principal_id)?;
        let member = self.state.members.get(&id);
        let member = member.ok_or(ChainError::Rule("the principal is not a member"))?;
        if !self.author.may(granted.without(member.capabilities)) {
            return Err(ChainError::NotPermitted);
        }
        check_kind(&member.manifest, granted)?;
        if !granted.contains(Capabilities::MANAGE) {
            self.state.needs_another_manager(&id)?;
        }
        Ok(Change::Grant(id, granted))
    }

    /// By the old key, or by a manager who could have given what it passes on.
    pub(super) fn replace_keys(&self, replace: &wire::ReplaceKeys) -> Result<Change, ChainError> {
        self.state.needs_no_fence()?;
        let id = principal_id(&replace.old_principal_id)?;
        let is_own = id == self.record.author;
        if !is_own {
            self.needs_manage()?;
        }
        let old = self.state.members.get(&id);
        let old = old.ok_or(ChainError::Rule("the principal is not a member"))?;
        if !is_own && !self.author.may(old.capabilities) {
            return Err(ChainError::NotPermitted);
        }
        let manifest = Manifest::parse(&replace.manifest)?;
        if manifest.kind() != old.manifest.kind() {
            return Err(ChainError::Rule(
                "a human's keys replace a human's, an agent's an agent's",
            ));
        }
        self.state.needs_stranger(&manifest)?;
        self.record.verify_co_signature(manifest.signing_key())?;
        let new = Member {
            manifest,
            ..old.clone()
        };
        Ok(Change::Replace(id, new))
    }

    /// An agent comes in by approval of a manager, never by an invite.
    fn check_may_add(&self, newcomer: &Manifest, granted: Capabilities) -> Result<(), ChainError> {
        if !self.author.capabilities.may_grant(granted) {
            return Err(ChainError::NotPermitted);
        }
        check_kind(newcomer, granted)?;
        if newcomer.kind() == PrincipalKind::Agent {
            self.needs_manage()?;
        }
        Ok(())
    }
}

fn check_kind(manifest: &Manifest, granted: Capabilities) -> Result<(), ChainError> {
    if manifest.kind() == PrincipalKind::Agent && !Capabilities::WRITE.contains(granted) {
        return Err(AGENT);
    }
    Ok(())
}
