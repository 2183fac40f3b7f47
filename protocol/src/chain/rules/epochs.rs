//! Keys, policy, and going on after a restore.

use super::{MemberCase, exact};
use crate::chain::state::Change;
use crate::chain::{Capabilities, ChainError, Epoch, Fence};
use crate::ids::KeyId;
use crate::limits;
use crate::resume::Resumption;
use crate::wire::{self, PrincipalKind};

impl MemberCase<'_> {
    pub(super) fn rekey(&self, rekey: &wire::Rekey) -> Result<Change, ChainError> {
        self.check_may_rekey()?;
        let previous = self.state.epoch_number();
        if rekey.epoch != previous + 1 {
            return Err(ChainError::Rule("the epoch is not the next one"));
        }
        if rekey.wrap_count as usize != self.state.recipients().len() {
            return Err(ChainError::Rule(
                "the wraps are not for exactly the members and open invites",
            ));
        }
        let shares = self.state.shares_history() && previous > 0;
        exact(
            "the previous secret must be there exactly where history is shared",
            &rekey.sealed_previous,
            if shares { limits::SEALED_PREVIOUS } else { 0 },
        )?;
        let key_id = KeyId::try_from(&rekey.key_id[..]);
        let wraps_digest = rekey.wraps_digest[..].try_into();
        Ok(Change::Begin(Epoch {
            number: rekey.epoch,
            key_id: key_id.map_err(|_| ChainError::Rule("the key id must be 32 bytes"))?,
            wraps_digest: wraps_digest.map_err(|_| ChainError::Rule("the wraps digest must be 32 bytes"))?,
        }))
    }

    pub(super) fn set_policy(&self, set: &wire::SetPolicy) -> Result<Change, ChainError> {
        self.state.needs_no_fence()?;
        self.needs_manage()?;
        Ok(Change::Policy(set.policy.unwrap_or_default()))
    }

    /// Whether the places it names are on this log is the fold's to say, and that the author had `manage` on the lost
    /// one is for those to check who hold it.
    pub(super) fn resume(&self, resume: &wire::Resume) -> Result<Change, ChainError> {
        self.state.needs_no_fence()?;
        self.needs_manage()?;
        Resumption::parse(resume)
            .map_err(|_| ChainError::Rule("a resume record names two different places"))?;
        Ok(Change::Nothing)
    }

    /// While the space waits, whoever writes may end the wait: they know the content anyway.
    fn check_may_rekey(&self) -> Result<(), ChainError> {
        let is_waiting = self.state.fence != Fence::None;
        let may =
            self.author.may(Capabilities::MANAGE) || (is_waiting && self.author.may(Capabilities::WRITE));
        let is_human = self.author.manifest.kind() == PrincipalKind::Human;
        (may && is_human).then_some(()).ok_or(ChainError::NotPermitted)
    }
}
