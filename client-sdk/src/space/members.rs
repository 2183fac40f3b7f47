//! What may be true of a space's members, policy and key.

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_protocol::chain::{Capabilities, Fence};
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{self, Policy};
use sealpost_protocol::wrap::{Recipient, wrap_hash};

use super::control::Aim;
use super::core::SpaceCore;
use super::draft::Draft;
use super::wraps::wrap_for;
use crate::error::Error;

/// That a principal is a member.
pub(super) struct Added {
    pub(super) manifest: Manifest,
    pub(super) capabilities: Capabilities,
}

/// That a principal is no member, and does not wait to become one.
pub(super) struct Removed {
    pub(super) principal_id: PrincipalId,
}

/// That a member's place is another principal's: the same person's, with other keys.
pub(super) struct Replaced {
    pub(super) old: PrincipalId,
    pub(super) new: Added,
}

/// That a member has exactly these capabilities.
pub(super) struct Granted {
    pub(super) principal_id: PrincipalId,
    pub(super) capabilities: Capabilities,
}

/// That the space has this policy.
pub(super) struct PolicySet {
    pub(super) policy: Policy,
}

/// That the epoch is a later one than this.
pub(super) struct Rekeyed {
    pub(super) from_epoch: u64,
}

/// That content does not wait for a new key.
pub(super) struct Unfenced;

/// That this account is no member.
pub(super) struct Left;

/// That the space is deleted for good.
pub(super) struct Deleted;

impl Aim for Added {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        self.go_on(Draft::begin(core).await?, core, rng).await
    }
}

impl Added {
    /// What is still to be written, as the draft stands.
    pub(super) async fn go_on<'c>(
        &self,
        mut draft: Draft<'c>,
        core: &SpaceCore,
        rng: &mut impl CryptoRng,
    ) -> Result<Draft<'c>, Error> {
        if draft.chain().member(&self.manifest.id()).is_some() {
            // Added, but perhaps the rekey that this asks for is still to come.
            draft.rekey_if_fenced(rng).await?;
            return Ok(draft);
        }
        if matches!(draft.chain().fence(), Fence::FirstKey | Fence::Departure) {
            draft.rekey(rng).await?;
            return Ok(draft.with_more_to_do());
        }
        let is_shut = draft.chain().waits_for_rekey();
        if !draft.chain().policy().share_history && !is_shut {
            draft.close_expired_invites()?;
        }
        self.bring_in(core, &mut draft, rng).await?;
        if !draft.chain().policy().share_history {
            draft.rekey(rng).await?;
        }
        Ok(draft)
    }
}

impl Aim for Replaced {
    /// The newcomer comes first: while a departure waits for its rekey nobody comes in. One who is in already gets what the old
    /// principal may do beside what it has.
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        let id = self.new.manifest.id();
        let is_in = draft.chain().member(&id).map(|member| member.capabilities);
        match is_in {
            Some(held) if held.contains(self.new.capabilities) => {}
            Some(_) if draft.chain().waits_for_rekey() => {
                draft.rekey(rng).await?;
                return Ok(draft.with_more_to_do());
            }
            Some(held) => draft.add(grant(&id, held.with(self.new.capabilities)))?,
            None if matches!(draft.chain().fence(), Fence::FirstKey | Fence::Departure) => {
                draft.rekey(rng).await?;
                return Ok(draft.with_more_to_do());
            }
            None => self.new.bring_in(core, &mut draft, rng).await?,
        }
        if draft.chain().member(&self.old).is_some() {
            draft.add(removal(&self.old))?;
        }
        draft.rekey_if_fenced(rng).await?;
        Ok(draft)
    }
}

impl Added {
    /// The newcomer gets the current secret where history is shared, and else nothing before the next rekey.
    async fn bring_in(
        &self,
        core: &SpaceCore,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        if draft.chain().policy().share_history {
            self.add_with_history(core, draft, rng).await
        } else {
            draft.add(self.body(&[]))
        }
    }

    /// The newcomer gets the current secret, and with it the way back.
    async fn add_with_history(
        &self,
        core: &SpaceCore,
        draft: &mut Draft<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let key = core.current_key().await?;
        let wrap = wrap_for(&key, &Recipient::from(&self.manifest), rng)?;
        draft.add(self.body(&wrap_hash(&wrap.sealed)))?;
        draft.stage(&key, wrap);
        Ok(())
    }

    fn body(&self, wrap_hash: &[u8]) -> Body {
        Body::AddMember(wire::AddMember {
            manifest: self.manifest.bytes().clone(),
            capabilities: self.capabilities.bits(),
            wrap_hash: Bytes::copy_from_slice(wrap_hash),
        })
    }
}

impl Aim for Removed {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        let id = &self.principal_id;
        if draft.chain().member(id).is_some() || draft.chain().applicant(id).is_some() {
            draft.add(removal(id))?;
        }
        // Its own rekey goes in the same batch; that of somebody who removed them and died is made up for.
        draft.rekey_if_fenced(rng).await?;
        Ok(draft)
    }
}

fn removal(id: &PrincipalId) -> Body {
    let principal_id = id.to_bytes();
    Body::RemoveMember(wire::RemoveMember { principal_id })
}

impl Aim for Granted {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        let id = &self.principal_id;
        let member = draft.chain().member(id);
        if member.is_some_and(|member| member.capabilities == self.capabilities) {
            return Ok(draft);
        }
        if draft.chain().waits_for_rekey() {
            draft.rekey(rng).await?;
            return Ok(draft.with_more_to_do());
        }
        draft.add(grant(id, self.capabilities))?;
        Ok(draft)
    }
}

fn grant(id: &PrincipalId, capabilities: Capabilities) -> Body {
    Body::SetCapabilities(wire::SetCapabilities {
        principal_id: id.to_bytes(),
        capabilities: capabilities.bits(),
    })
}

impl Aim for PolicySet {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        if *draft.chain().policy() == self.policy {
            return Ok(draft);
        }
        if draft.chain().waits_for_rekey() {
            draft.rekey(rng).await?;
            return Ok(draft.with_more_to_do());
        }
        let policy = Some(self.policy);
        draft.add(Body::SetPolicy(wire::SetPolicy { policy }))?;
        Ok(draft)
    }
}

impl Aim for Rekeyed {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        if draft.chain().epoch_number() > self.from_epoch {
            draft.rekey_if_fenced(rng).await?;
        } else {
            if !draft.chain().waits_for_rekey() {
                draft.close_expired_invites()?;
            }
            draft.rekey(rng).await?;
        }
        Ok(draft)
    }
}

impl Aim for Unfenced {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        draft.rekey_if_fenced(rng).await?;
        Ok(draft)
    }
}

impl Aim for Left {
    const ENDS_READING: bool = true;

    /// Who leaves does not rekey: it would know the new key. Whoever stays does.
    async fn draft<'c>(&self, core: &'c SpaceCore, _rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        if draft.chain().member(&core.me()).is_some() {
            draft.add(Body::Leave(wire::Leave {}))?;
        }
        Ok(draft)
    }
}

impl Aim for Deleted {
    const ENDS_READING: bool = true;

    async fn draft<'c>(&self, core: &'c SpaceCore, _rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        if !draft.chain().is_tombstoned() {
            draft.add(Body::Tombstone(wire::Tombstone {}))?;
        }
        Ok(draft)
    }
}
