//! Wraps beside the log: staged by members, fetched by their recipients.

use std::collections::BTreeSet;

use bytes::Bytes;
use sealpost_protocol::ids::{KeyId, PrincipalId, SpaceId};
use sealpost_protocol::wrap::wrap_hash;
use sealpost_protocol::{limits, wire};

use super::ports::{NewWrap, StageRefusal, StagedWrap};
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
    /// [`LogError::NotAMember`], [`LogError::NotPermitted`]; a stale epoch; malformed or too many wraps.
    pub async fn stage_wraps(
        &self,
        author: &AuthenticatedPrincipal,
        space: SpaceId,
        request: wire::StageWraps,
    ) -> Result<u32, LogError> {
        let wraps = parse_wraps(&request)?;
        let key_id = KeyId::try_from(&request.key_id[..]).map_err(|_| LogError::Malformed("key id"))?;
        let principal = author.principal_id();
        let number = self
            .with_view(space, |view| {
                view.membership
                    .check_may_stage(&principal, request.epoch, &key_id)?;
                Ok(view.number)
            })
            .await?;
        let staged = StagedWrap {
            epoch: request.epoch,
            key_id,
            staged_by: principal,
        };
        let key = self.shared.space_key(number).await?;
        let sealed = self.seal_wraps(&key, &staged, wraps);
        let limit = self.shared.limits.staged_wraps_per_member;
        let now = self.shared.clock.now();
        let outcome = self
            .shared
            .store
            .stage(number, staged, key.id(), &sealed, limit, now);
        match outcome.await {
            Ok(count) => Ok(count),
            Err(StoreError::Refused(StageRefusal::TooMany)) => Err(LogError::TooLarge {
                limit: u64::from(limit),
            }),
            Err(StoreError::Failed(failure)) => Err(failure.into()),
        }
    }

    /// The caller's own wrap of an epoch: the key id and the sealed secret.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], [`LogError::NoWrap`].
    pub async fn fetch_wrap(
        &self,
        principal: &AuthenticatedPrincipal,
        space: SpaceId,
        epoch: u64,
    ) -> Result<(KeyId, Bytes), LogError> {
        let recipient = principal.principal_id();
        let number = self
            .with_view(space, |view| match view.membership.contains(&recipient) {
                true => Ok(view.number),
                false => Err(LogError::NotAMember),
            })
            .await?;
        if epoch == 0 || i64::try_from(epoch).is_err() {
            return Err(LogError::NoWrap);
        }
        let row = self.shared.store.named_wrap(number, epoch, recipient).await?;
        let row = row.ok_or(LogError::NoWrap)?;
        let key = self.shared.space_key(number).await?;
        let place = WrapPlace {
            staged: &row.staged,
            recipient: &recipient,
            wrap_hash: &row.wrap_hash,
        };
        let opened = self.shared.cipher.open_wrap(&key, &place, row.sealed);
        let sealed = opened.map_err(|error| {
            let cause = &error as &dyn std::error::Error;
            tracing::error!(error = cause, space.number = number.0, "a stored wrap is damaged");
            LogError::Internal
        })?;
        Ok((row.staged.key_id, sealed))
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
