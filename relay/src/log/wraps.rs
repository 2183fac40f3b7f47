//! Wraps beside the log: staged by members, fetched by their recipients.

use std::collections::BTreeSet;

use bytes::Bytes;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{KeyId, PrincipalId, SpaceId};
use sealpost_protocol::wrap::wrap_hash;
use sealpost_protocol::{limits, wire};

use super::ports::{NewWrap, SpaceNumber, StageRefusal, StagedWrap, Staging, WrapRow};
use super::row_cipher::WrapPlace;
use super::{LogError, LogService};
use crate::atrest::OpenDataKey;
use crate::spaces::AuthenticatedPrincipal;
use crate::store_failure::StoreError;

impl LogService {
    /// Puts wraps beside the log for the record that will name them; returns how many are staged now by this
    /// principal for this key.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], [`LogError::NotPermitted`], [`LogError::RateLimited`]; a stale epoch; malformed or too
    /// many wraps.
    pub async fn stage_wraps(
        &self,
        author: &AuthenticatedPrincipal,
        space: SpaceId,
        request: wire::StageWraps,
    ) -> Result<u32, LogError> {
        let _turn = self.shared.look_ups.turn(author.party()).await?;
        let wraps = parse_wraps(&request)?;
        let key_id = KeyId::try_from(&request.key_id[..]).map_err(|_| LogError::Malformed("key id"))?;
        let principal = author.principal_id();
        let (number, head_seq) = self
            .with_view(space, |view| {
                view.membership
                    .check_may_stage(&principal, request.epoch, &key_id)?;
                Ok((view.number, view.head.seq))
            })
            .await?;
        let staged = StagedWrap {
            epoch: request.epoch,
            key_id,
            staged_by: principal,
        };
        let key = self.shared.space_key(number).await?;
        let limit = self.shared.limits.staged_wraps_per_member;
        let staging = Staging {
            space: number,
            staged,
            data_key_id: key.id(),
            wraps: self.seal_wraps(&key, &staged, wraps),
            limit,
            head_seq,
            now: self.shared.clock.now(),
        };
        match self.shared.store.stage(&staging).await {
            Ok(count) => Ok(count),
            Err(StoreError::Refused(StageRefusal::TooMany)) => Err(LogError::TooLarge {
                limit: u64::from(limit),
            }),
            Err(StoreError::Failed(failure)) => Err(failure.into()),
        }
    }

    /// The caller's own wrap of an epoch: the key id and the sealed secret. Not one of those that it calls unusable.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], [`LogError::NoWrap`], [`LogError::RateLimited`].
    pub async fn fetch_wrap(
        &self,
        principal: &AuthenticatedPrincipal,
        space: SpaceId,
        request: &wire::FetchWrap,
    ) -> Result<(KeyId, Bytes), LogError> {
        let _turn = self.shared.look_ups.turn(principal.party()).await?;
        let (recipient, epoch) = (principal.principal_id(), request.epoch);
        let unusable = parse_unusable(request)?;
        let number = self
            .with_view(space, |view| {
                view.membership.check_member(&recipient)?;
                Ok(view.number)
            })
            .await?;
        if epoch == 0 || i64::try_from(epoch).is_err() {
            return Err(LogError::NoWrap);
        }
        let row = self
            .shared
            .store
            .named_wrap(number, epoch, recipient, &unusable)
            .await?;
        let row = row.ok_or(LogError::NoWrap)?;
        let key = self.shared.space_key(number).await?;
        let key_id = row.staged.key_id;
        Ok((key_id, self.open_wrap_row(number, &key, recipient, row)?))
    }

    pub(super) fn open_wrap_row(
        &self,
        number: SpaceNumber,
        key: &OpenDataKey,
        recipient: PrincipalId,
        row: WrapRow,
    ) -> Result<Bytes, LogError> {
        let place = WrapPlace {
            staged: &row.staged,
            recipient: &recipient,
            wrap_hash: &row.wrap_hash,
        };
        let opened = self.shared.cipher.open_wrap(key, &place, row.sealed);
        opened.map_err(|error| {
            let cause = &error as &dyn std::error::Error;
            tracing::error!(error = cause, space.number = number.0, "a stored wrap is damaged");
            LogError::Internal
        })
    }

    fn seal_wraps(
        &self,
        key: &OpenDataKey,
        staged: &StagedWrap,
        wraps: Vec<(PrincipalId, Bytes)>,
    ) -> Vec<NewWrap> {
        let seal = |(recipient, wrap): (PrincipalId, Bytes)| {
            let wrap_hash = wrap_hash(&wrap);
            let place = WrapPlace {
                staged,
                recipient: &recipient,
                wrap_hash: &wrap_hash,
            };
            NewWrap {
                sealed: self.shared.cipher.seal_wrap(key, &place, &wrap),
                recipient,
                wrap_hash,
            }
        };
        wraps.into_iter().map(seal).collect()
    }
}

fn parse_wraps(request: &wire::StageWraps) -> Result<Vec<(PrincipalId, Bytes)>, LogError> {
    if request.wraps.len() > limits::MAX_WRAPS_PER_FRAME {
        let limit = limits::MAX_WRAPS_PER_FRAME as u64;
        return Err(LogError::TooLarge { limit });
    }
    let mut recipients = BTreeSet::new();
    let mut wraps = Vec::with_capacity(request.wraps.len());
    for wrap in &request.wraps {
        let recipient = PrincipalId::try_from(&wrap.recipient[..]);
        let recipient = recipient.map_err(|_| LogError::Malformed("recipient"))?;
        if wrap.sealed.len() != limits::WRAP || !recipients.insert(recipient) {
            return Err(LogError::Malformed("wrap"));
        }
        wraps.push((recipient, wrap.sealed.clone()));
    }
    Ok(wraps)
}

fn parse_unusable(request: &wire::FetchWrap) -> Result<Vec<Digest32>, LogError> {
    if request.unusable.len() > limits::MAX_UNUSABLE_WRAPS {
        let limit = limits::MAX_UNUSABLE_WRAPS as u64;
        return Err(LogError::TooLarge { limit });
    }
    let hashes = request.unusable.iter().map(|hash| hash[..].try_into());
    hashes
        .collect::<Result<_, _>>()
        .map_err(|_| LogError::Malformed("wrap hash"))
}
