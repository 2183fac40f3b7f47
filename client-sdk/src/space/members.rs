//! Members: who they are, adding one, and a new key for all.

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_protocol::chain::{Capabilities, Member};
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{KeyId, PrincipalId};
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{self, Wrap};
use sealpost_protocol::wrap::{wrap_hash, wraps_digest};

use super::control::{Aim, Change};
use super::core::SpaceCore;
use crate::entropy;
use crate::epoch::{EpochKey, WrapError, seal_previous, seal_wrap};
use crate::error::Error;

/// That a principal is a member.
pub(super) struct Added {
    pub(super) manifest: Manifest,
    pub(super) capabilities: Capabilities,
}

/// That the epoch is a later one than this.
pub(super) struct Rekeyed {
    pub(super) from_epoch: u64,
}

/// What a change needs to know of the verified view.
struct Snapshot {
    members: Vec<Member>,
    shares_history: bool,
    waits_for_rekey: bool,
    epoch: u64,
}

impl Snapshot {
    async fn take(core: &SpaceCore) -> Result<Self, Error> {
        core.with_fold(Self::of).await
    }

    fn of(fold: &SpaceFold) -> Self {
        let chain = fold.chain();
        Self {
            members: chain.members().cloned().collect(),
            shares_history: chain.policy().share_history,
            waits_for_rekey: chain.waits_for_rekey(),
            epoch: chain.epoch().map_or(0, |epoch| epoch.number),
        }
    }

    fn has(&self, id: &PrincipalId) -> bool {
        self.members.iter().any(|member| member.manifest.id() == *id)
    }

    fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.members.iter().map(|member| &member.manifest)
    }
}

impl Aim for Added {
    async fn change(&self, core: &SpaceCore, rng: &mut impl CryptoRng) -> Result<Option<Change>, Error> {
        let view = Snapshot::take(core).await?;
        if view.has(&self.manifest.id()) {
            // Added, but perhaps the rekey that this asks for is still to come.
            return rekey_if_waiting(core, &view, rng).await;
        }
        if view.waits_for_rekey {
            return rekey_if_waiting(core, &view, rng).await;
        }
        let change = if view.shares_history {
            self.add_with_history(core, rng).await?
        } else {
            self.add_without_history(core, &view, rng)?
        };
        Ok(Some(change))
    }
}

impl Added {
    /// The newcomer gets the current secret, and with it the way back.
    async fn add_with_history(&self, core: &SpaceCore, rng: &mut impl CryptoRng) -> Result<Change, Error> {
        let key = core.current_key().await?;
        let wrap = wrap_for(&key, &self.manifest, rng)?;
        let hash = wrap_hash(&wrap.sealed);
        Ok(Change {
            bodies: vec![self.body(&hash)],
            wraps: vec![wrap],
            staged_for: (key.at().epoch, key.at().key_id),
            new_key: None,
        })
    }

    /// The newcomer gets a new secret only, in the same batch.
    fn add_without_history(
        &self,
        core: &SpaceCore,
        view: &Snapshot,
        rng: &mut impl CryptoRng,
    ) -> Result<Change, Error> {
        let recipients = view.manifests().chain([&self.manifest]);
        let change = rekey_for(core, view.epoch, recipients, None, rng)?;
        let bodies = [self.body(&[])].into_iter().chain(change.bodies).collect();
        Ok(Change { bodies, ..change })
    }

    fn body(&self, wrap_hash: &[u8]) -> Body {
        Body::AddMember(wire::AddMember {
            manifest: self.manifest.bytes().clone(),
            capabilities: self.capabilities.bits(),
            wrap_hash: Bytes::copy_from_slice(wrap_hash),
        })
    }
}

impl Aim for Rekeyed {
    async fn change(&self, core: &SpaceCore, rng: &mut impl CryptoRng) -> Result<Option<Change>, Error> {
        let view = Snapshot::take(core).await?;
        if view.epoch > self.from_epoch && !view.waits_for_rekey {
            return Ok(None);
        }
        rekey(core, &view, rng).await.map(Some)
    }
}

async fn rekey_if_waiting(
    core: &SpaceCore,
    view: &Snapshot,
    rng: &mut impl CryptoRng,
) -> Result<Option<Change>, Error> {
    if view.waits_for_rekey {
        rekey(core, view, rng).await.map(Some)
    } else {
        Ok(None)
    }
}

async fn rekey(core: &SpaceCore, view: &Snapshot, rng: &mut impl CryptoRng) -> Result<Change, Error> {
    let previous = if view.shares_history && view.epoch > 0 {
        Some(core.current_key().await?)
    } else {
        None
    };
    rekey_for(core, view.epoch, view.manifests(), previous.as_deref(), rng)
}

/// A new secret for exactly these members; the previous one goes with it where history is shared.
fn rekey_for<'m>(
    core: &SpaceCore,
    epoch: u64,
    recipients: impl Iterator<Item = &'m Manifest>,
    previous: Option<&EpochKey>,
    rng: &mut impl CryptoRng,
) -> Result<Change, Error> {
    let key = EpochKey::generate(core.space_id, epoch + 1, rng);
    let wraps: Vec<Wrap> = recipients
        .map(|member| wrap_for(&key, member, rng).unwrap_or_else(|_| dead_wrap(member, rng)))
        .collect();
    let sealed_previous = previous.map(|previous| seal_previous(&key, previous, rng));
    Ok(Change {
        bodies: vec![Body::Rekey(rekey_body(
            &key,
            &wraps,
            sealed_previous.unwrap_or_default(),
        ))],
        wraps,
        staged_for: (key.at().epoch, key.at().key_id),
        new_key: Some(key),
    })
}

/// The record that names a new key and what was staged for it.
pub(crate) fn rekey_body(key: &EpochKey, wraps: &[Wrap], sealed_previous: Bytes) -> wire::Rekey {
    let key_id: KeyId = key.at().key_id;
    wire::Rekey {
        epoch: key.at().epoch,
        key_id: key_id.to_bytes(),
        wraps_digest: Bytes::copy_from_slice(&digest(wraps)),
        wrap_count: u32::try_from(wraps.len()).expect("a space has a few thousand members at most"),
        sealed_previous,
    }
}

pub(crate) fn wrap_for(key: &EpochKey, member: &Manifest, rng: &mut impl CryptoRng) -> Result<Wrap, Error> {
    let sealed = seal_wrap(key, member, rng)
        .map_err(|error: WrapError| Error::usage(format!("{}: {error}", member.id())))?;
    Ok(Wrap {
        recipient: member.id().to_bytes(),
        sealed,
    })
}

/// What a member gets whose manifest names an HPKE key that is none: bytes that open nothing. It is their own doing, and must
/// not keep the others from a new key.
fn dead_wrap(member: &Manifest, rng: &mut impl CryptoRng) -> Wrap {
    Wrap {
        recipient: member.id().to_bytes(),
        sealed: Bytes::copy_from_slice(&entropy::draw::<{ limits::WRAP }>(rng)),
    }
}

fn digest(wraps: &[Wrap]) -> Digest32 {
    let mut list: Vec<(PrincipalId, Digest32)> = wraps
        .iter()
        .map(|wrap| {
            let recipient = PrincipalId::try_from(&wrap.recipient[..]).expect("made from a principal id");
            (recipient, wrap_hash(&wrap.sealed))
        })
        .collect();
    list.sort_unstable();
    wraps_digest(&list)
}
