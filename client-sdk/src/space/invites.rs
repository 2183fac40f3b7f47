//! Invites of a space: made, listed, revoked, approved.

use std::time::Duration;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_protocol::chain::{Capabilities, Invite};
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::invite::InviteLink;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::wire;
use sealpost_protocol::wire::control_record::Body;

use super::api::Space;
use super::control::Aim;
use super::core::SpaceCore;
use super::draft::Draft;
use super::members::Added;
use super::wraps::wrap_for;
use crate::entropy;
use crate::error::Error;
use crate::invite::InviteKeys;

/// What an invite is to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InviteOptions {
    /// What who accepts it may do.
    pub capabilities: Capabilities,
    /// For how long the relay lets people in by it; `None` is until it is revoked.
    pub valid_for: Option<Duration>,
    /// How many may accept it, 1 to 4,096.
    pub uses: u32,
    /// Whether a member must approve each who accepts it.
    pub needs_approval: bool,
}

impl Default for InviteOptions {
    /// One person, who writes, within a week.
    fn default() -> Self {
        Self {
            capabilities: Capabilities::WRITE,
            valid_for: Some(Duration::from_secs(7 * 24 * 60 * 60)),
            uses: 1,
            needs_approval: false,
        }
    }
}

/// That an invite is open.
struct Invited {
    keys: InviteKeys,
    options: InviteOptions,
    expires_at_s: u64,
}

/// That an invite is not open, and nobody waits by it.
struct Revoked {
    key: PublicKey,
}

/// That somebody who waits is a member. Who was turned away meanwhile waits no more.
struct Approved {
    applicant: PrincipalId,
}

impl Space {
    /// Makes an invite. Whoever gets hold of the link can join; it is not kept anywhere.
    ///
    /// # Errors
    /// As [`Self::add_member`].
    pub async fn create_invite(&self, options: InviteOptions) -> Result<InviteLink, Error> {
        let client = &self.core().client;
        let secret = entropy::draw(&mut entropy::system());
        let link = InviteLink::new(secret, &client.config.relay.origin(), self.id())
            .map_err(|_| Error::usage("the relay's URL cannot stand in a link"))?;
        let now_s = client.config.clock.unix_ms() / 1000;
        let aim = Invited {
            keys: InviteKeys::of(&link),
            options,
            expires_at_s: options
                .valid_for
                .map_or(0, |valid| now_s.saturating_add(valid.as_secs().max(1))),
        };
        self.achieve(&aim).await?;
        Ok(link)
    }

    /// The open invites, by key. One that has expired stays in the list until it is revoked.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub async fn invites(&self) -> Result<Vec<Invite>, Error> {
        self.read_once().await?;
        let invites = self
            .core()
            .with_fold(|fold| fold.chain().invites().cloned().collect());
        invites.await
    }

    /// Closes an invite, and turns away who waits for approval by it. Does nothing if it is closed already.
    ///
    /// # Errors
    /// As [`Self::add_member`].
    pub async fn revoke_invite(&self, key: PublicKey) -> Result<(), Error> {
        self.achieve(&Revoked { key }).await
    }

    /// Lets somebody in who accepted an invite and waits. Compare the fingerprint first: whoever had the link could be there.
    ///
    /// # Errors
    /// As [`Self::add_member`]; [`Error::Usage`] if nobody of that id waits.
    pub async fn approve(&self, applicant: PrincipalId) -> Result<(), Error> {
        self.achieve(&Approved { applicant }).await
    }
}

impl Aim for Invited {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        if draft.chain().invite(self.keys.public()).is_some() {
            return Ok(draft);
        }
        if draft.chain().waits_for_rekey() {
            draft.rekey(rng).await?;
            return Ok(draft.with_more_to_do());
        }
        let carries_secret = draft.chain().policy().share_history && !self.options.needs_approval;
        let wrap = if carries_secret {
            wrap_for(&*core.current_key().await?, &self.keys.recipient(), rng)?.sealed
        } else {
            Bytes::new()
        };
        draft.add(Body::CreateInvite(wire::CreateInvite {
            invite_key: key_bytes(self.keys.public()),
            capabilities: self.options.capabilities.bits(),
            expires_at_s: self.expires_at_s,
            uses: self.options.uses,
            needs_approval: self.options.needs_approval,
            hpke_key: self.keys.hpke_public().clone(),
            wrap,
        }))?;
        Ok(draft)
    }
}

impl Aim for Approved {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let draft = Draft::begin(core).await?;
        let chain = draft.chain();
        let member = chain.member(&self.applicant);
        let found = member.map(|member| (member.manifest.clone(), member.capabilities));
        let waits = || {
            let applicant = chain.applicant(&self.applicant)?;
            Some((applicant.manifest.clone(), applicant.capabilities))
        };
        let (manifest, capabilities) = found
            .or_else(waits)
            .ok_or_else(|| Error::usage("nobody of that id waits for approval"))?;
        let added = Added {
            manifest,
            capabilities,
        };
        added.go_on(draft, core, rng).await
    }
}

impl Aim for Revoked {
    async fn draft<'c>(&self, core: &'c SpaceCore, rng: &mut impl CryptoRng) -> Result<Draft<'c>, Error> {
        let mut draft = Draft::begin(core).await?;
        let waits = |draft: &Draft<'_>| {
            let mut applicants = draft.chain().applicants();
            applicants.any(|applicant| applicant.invite_key == self.key)
        };
        if draft.chain().invite(&self.key).is_none() && !waits(&draft) {
            return Ok(draft);
        }
        if draft.chain().waits_for_rekey() {
            draft.rekey(rng).await?;
            return Ok(draft.with_more_to_do());
        }
        let invite_key = key_bytes(&self.key);
        draft.add(Body::RevokeInvite(wire::RevokeInvite { invite_key }))?;
        Ok(draft)
    }
}

fn key_bytes(key: &PublicKey) -> Bytes {
    Bytes::copy_from_slice(key.as_bytes())
}
