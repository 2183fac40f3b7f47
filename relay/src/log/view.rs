//! What is known of a space to all who do not append to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealpost_protocol::chain::{Capabilities, ControlChain, Epoch};
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::ids::{KeyId, PrincipalId};
use sealpost_protocol::root::Cursor;

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
}

/// Who may do what, under which epoch.
#[derive(Debug)]
pub(super) struct Membership {
    members: BTreeMap<PrincipalId, Capabilities>,
    epoch: Option<Epoch>,
    waits_for_rekey: bool,
}

impl Membership {
    pub(super) fn of(chain: &ControlChain) -> Self {
        let members = chain
            .members()
            .map(|member| (member.manifest.id(), member.capabilities));
        Self {
            members: members.collect(),
            epoch: chain.epoch().copied(),
            waits_for_rekey: chain.waits_for_rekey(),
        }
    }

    pub(super) fn contains(&self, principal: &PrincipalId) -> bool {
        self.members.contains_key(principal)
    }

    /// That the principal may stage wraps for this epoch: the current one, whose key is known, or the next.
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
        let current = self.epoch.map_or(0, |epoch| epoch.number);
        match &self.epoch {
            Some(known) if known.number == epoch && known.key_id != *key_id => Err(Refusal::WrongKey.into()),
            _ if epoch > 0 && (epoch == current || epoch == current + 1) => Ok(()),
            _ => Err(Refusal::StaleEpoch { current }.into()),
        }
    }

    /// That the principal may signal under this epoch and key.
    pub(super) fn check_may_signal(
        &self,
        principal: &PrincipalId,
        epoch: u64,
        key_id: &KeyId,
    ) -> Result<(), LogError> {
        if !self.contains(principal) {
            return Err(LogError::NotAMember);
        }
        match &self.epoch {
            Some(current) if !self.waits_for_rekey => {
                if current.number != epoch {
                    let current = current.number;
                    return Err(Refusal::StaleEpoch { current }.into());
                }
                let is_key = current.key_id == *key_id;
                is_key.then_some(()).ok_or(LogError::Refused(Refusal::WrongKey))
            }
            _ => Err(Refusal::RekeyRequired.into()),
        }
    }
}
