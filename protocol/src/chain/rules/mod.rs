//! What each kind of record must be to continue a chain. A rule judges; [`State`] is changed by nobody but itself.

mod epochs;
mod invites;
mod membership;

use super::state::{Change, State};
use super::{Capabilities, ChainError, Fence, Member};
use crate::control::ParsedControl;
use crate::ids::PrincipalId;
use crate::manifest::Manifest;
use crate::root::Cursor;
use crate::wire::control_record::Body;

pub(super) use membership::check_genesis;

/// A record that follows the head, and what it was judged by.
pub(super) struct Case<'a> {
    pub(super) state: &'a State,
    pub(super) record: &'a ParsedControl,
    /// What its author says to have seen.
    pub(super) seen: Cursor,
}

/// A record of a member, its signature checked.
struct MemberCase<'a> {
    state: &'a State,
    record: &'a ParsedControl,
    seen: Cursor,
    author: &'a Member,
}

impl Case<'_> {
    /// What the record does.
    pub(super) fn judge(&self) -> Result<Change, ChainError> {
        if self.state.is_tombstoned {
            return Err(ChainError::Tombstoned);
        }
        if let Body::AcceptInvite(accept) = &self.record.body {
            return self.accept(accept);
        }
        let author = self.state.members.get(&self.record.author);
        let author = author.ok_or(ChainError::NotAMember)?;
        self.record.verify(author.manifest.signing_key())?;
        check_co_signature(self.record)?;
        let case = MemberCase {
            state: self.state,
            record: self.record,
            seen: self.seen,
            author,
        };
        case.judge()
    }
}

impl MemberCase<'_> {
    fn judge(&self) -> Result<Change, ChainError> {
        match &self.record.body {
            Body::AddMember(add) => self.add(add),
            Body::RemoveMember(remove) => self.remove(remove),
            Body::Leave(_) => self.leave(),
            Body::Rekey(rekey) => self.rekey(rekey),
            Body::SetCapabilities(set) => self.set_capabilities(set),
            Body::CreateInvite(create) => self.create_invite(create),
            Body::RevokeInvite(revoke) => self.revoke_invite(revoke),
            Body::SetPolicy(set) => self.set_policy(set),
            Body::ReplaceKeys(replace) => self.replace_keys(replace),
            Body::Resume(resume) => self.resume(resume),
            Body::Tombstone(_) => self.needs_manage().map(|()| Change::Tombstone),
            // The case of somebody else, and of nothing but the beginning: the link was checked.
            Body::AcceptInvite(_) | Body::Genesis(_) => Err(ChainError::Conflict),
        }
    }

    fn needs_manage(&self) -> Result<(), ChainError> {
        let may = self.author.may(Capabilities::MANAGE);
        may.then_some(()).ok_or(ChainError::NotPermitted)
    }
}

impl State {
    /// Most records wait until there is a new key.
    fn needs_no_fence(&self) -> Result<(), ChainError> {
        match self.fence {
            Fence::None => Ok(()),
            _ => Err(ChainError::RekeyRequired),
        }
    }

    /// Newcomers without history may come one after the other, before one rekey for all of them.
    fn lets_newcomers_in(&self) -> Result<(), ChainError> {
        match self.fence {
            Fence::None | Fence::Newcomer => Ok(()),
            Fence::FirstKey | Fence::Departure => Err(ChainError::RekeyRequired),
        }
    }

    fn needs_stranger(&self, newcomer: &Manifest) -> Result<(), ChainError> {
        if self.members.contains_key(&newcomer.id()) {
            return Err(ChainError::Rule("the principal is a member already"));
        }
        Ok(())
    }

    fn needs_room(&self) -> Result<(), ChainError> {
        if self.members.len() >= crate::limits::MAX_MEMBERS {
            return Err(ChainError::Rule("the space has as many members as it can have"));
        }
        Ok(())
    }

    fn needs_another_manager(&self, than: &PrincipalId) -> Result<(), ChainError> {
        let rule = "nobody with `manage` would be left: hand it over first, or delete the space";
        self.has_another_manager(than)
            .then_some(())
            .ok_or(ChainError::Rule(rule))
    }
}

/// The record's id does not cover a second signature: where none is asked for, whoever carries the record could add one, and
/// two members would keep two forms of one record.
pub(super) fn check_co_signature(record: &ParsedControl) -> Result<(), ChainError> {
    let asked_for = matches!(record.body, Body::AcceptInvite(_) | Body::ReplaceKeys(_));
    if record.is_co_signed() && !asked_for {
        return Err(ChainError::Rule(
            "the record has a second signature that it does not ask for",
        ));
    }
    Ok(())
}

fn principal_id(bytes: &[u8]) -> Result<PrincipalId, ChainError> {
    PrincipalId::try_from(bytes).map_err(|_| ChainError::Rule("a principal id must be 32 bytes"))
}

fn capabilities(bits: u32) -> Result<Capabilities, ChainError> {
    let rule = "the record grants a capability that does not exist";
    Capabilities::from_bits(bits).ok_or(ChainError::Rule(rule))
}

fn exact(what: &'static str, bytes: &[u8], length: usize) -> Result<(), ChainError> {
    (bytes.len() == length)
        .then_some(())
        .ok_or(ChainError::Rule(what))
}
