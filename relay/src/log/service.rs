//! What the sockets call.

use std::future::Future;
use std::time::Duration;

use sealpost_protocol::ids::{KeyId, PrincipalId, Receipt, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;

use super::{LogError, Subscription};
use crate::spaces::AuthenticatedPrincipal;

/// That an entry is stored, durably, at this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Its place and the root there.
    pub cursor: Cursor,
    /// The relay's receipt for it.
    pub receipt: Receipt,
    /// Whether it had been stored before this request.
    pub duplicate: bool,
}

/// The answer to a publish: one ack for each entry up to the first refused one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishOutcome {
    /// In the order of the entries.
    pub acks: Vec<Ack>,
    /// Why the entry after the last acked one was refused; what follows it was not looked at.
    pub refusal: Option<LogError>,
}

/// All logs of this relay. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct LogService {}

const NOT_BUILT: LogError = LogError::Draining {
    retry_after: Duration::from_secs(1),
};

impl LogService {
    /// Appends `entries`, in order, and acks what is durable.
    ///
    /// Work begins with the call, not with the first poll: publishes to one space that are called one after the other
    /// are appended in that order, however their futures are awaited. Dropping the future gives up the answer only.
    pub fn publish(
        &self,
        _author: &AuthenticatedPrincipal,
        _space: SpaceId,
        _entries: Vec<wire::Entry>,
    ) -> impl Future<Output = PublishOutcome> + Send + 'static {
        std::future::ready(PublishOutcome {
            acks: Vec::new(),
            refusal: Some(NOT_BUILT),
        })
    }

    /// Begins to read after the cursor `after`.
    ///
    /// # Errors
    /// [`LogError::NotAMember`]; [`LogError::LogMismatch`] if `after` is not on the log.
    pub async fn subscribe(
        &self,
        _principal: &AuthenticatedPrincipal,
        _space: SpaceId,
        _after: Cursor,
    ) -> Result<Subscription, LogError> {
        Err(NOT_BUILT)
    }

    /// Puts wraps beside the log for the record that will name them; returns how many are staged now by this
    /// principal for this key.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], [`LogError::NotPermitted`]; a stale epoch; malformed or too many wraps.
    pub async fn stage_wraps(
        &self,
        _author: &AuthenticatedPrincipal,
        _space: SpaceId,
        _request: wire::StageWraps,
    ) -> Result<u32, LogError> {
        Err(NOT_BUILT)
    }

    /// The caller's own wrap of an epoch: the key id and the sealed secret.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], [`LogError::NoWrap`].
    pub async fn fetch_wrap(
        &self,
        _principal: &AuthenticatedPrincipal,
        _space: SpaceId,
        _epoch: u64,
    ) -> Result<(KeyId, bytes::Bytes), LogError> {
        Err(NOT_BUILT)
    }

    /// Hands a signal to those who subscribe to its space on this relay now.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], a stale epoch, a bad signature, [`LogError::RateLimited`].
    pub async fn signal(
        &self,
        _author: &AuthenticatedPrincipal,
        _signal: wire::SignedSignal,
    ) -> Result<(), LogError> {
        Err(NOT_BUILT)
    }

    /// The spaces of a principal, as a hint: the chain of each is the truth.
    ///
    /// # Errors
    /// [`LogError::Overloaded`] if the database does not answer.
    pub async fn spaces_of(&self, _principal: &PrincipalId) -> Result<Vec<SpaceId>, LogError> {
        Err(NOT_BUILT)
    }

    /// Takes no new publishes and waits until those in flight are answered. Readers go on.
    pub async fn drain(&self) {}
}
