//! The requests a handle can make, each with the one answer that fits it.

use std::time::Duration;

use bytes::Bytes;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use sealpost_protocol::wire::{self, Nack};

use super::Socket;
use crate::error::{Error, Refusal};

impl Socket {
    /// Offers entries for a space's log. An answer may hold acks and then a nack.
    pub(crate) async fn publish(
        &self,
        space_id: &SpaceId,
        entries: Vec<wire::Entry>,
    ) -> Result<wire::Published, Error> {
        let space_id = space_id.to_bytes();
        let body = ClientBody::Publish(wire::Publish { space_id, entries });
        match self.request(body).await? {
            RelayBody::Published(published) => Ok(published),
            other => Err(unexpected(&other)),
        }
    }

    /// Puts wraps beside a space's log. The answer counts those of earlier frames, too.
    pub(crate) async fn stage_wraps(&self, wraps: wire::StageWraps) -> Result<(), Error> {
        let count = wraps.wraps.len();
        match self.request(ClientBody::StageWraps(wraps)).await? {
            RelayBody::WrapsStaged(staged) if staged.count as usize >= count => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Fetches the own wrap of an epoch, another one than those with these hashes.
    pub(crate) async fn fetch_wrap(
        &self,
        space_id: &SpaceId,
        epoch: u64,
        unusable: Vec<Bytes>,
    ) -> Result<wire::FetchedWrap, Error> {
        let space_id = space_id.to_bytes();
        let body = ClientBody::FetchWrap(wire::FetchWrap {
            space_id,
            epoch,
            unusable,
        });
        match self.request(body).await? {
            RelayBody::FetchedWrap(wrap) => Ok(wrap),
            other => Err(unexpected(&other)),
        }
    }

    /// Notes that the caller has no usable wrap of an epoch.
    pub(crate) async fn ask_for_wrap(&self, space_id: &SpaceId, epoch: u64) -> Result<(), Error> {
        let space_id = space_id.to_bytes();
        let body = ClientBody::AskForWrap(wire::AskForWrap { space_id, epoch });
        match self.request(body).await? {
            RelayBody::Done(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Fetches which members wait for a wrap.
    pub(crate) async fn fetch_wrap_requests(
        &self,
        space_id: &SpaceId,
    ) -> Result<Vec<wire::WrapRequest>, Error> {
        let space_id = space_id.to_bytes();
        let body = ClientBody::FetchWrapRequests(wire::FetchWrapRequests { space_id });
        match self.request(body).await? {
            RelayBody::WrapRequests(wanted) => Ok(wanted.requests),
            other => Err(unexpected(&other)),
        }
    }

    /// Fetches the relay's signed word on where a log ends.
    pub(crate) async fn fetch_checkpoint(&self, space_id: &SpaceId) -> Result<wire::SignedCheckpoint, Error> {
        let space_id = space_id.to_bytes();
        let body = ClientBody::FetchCheckpoint(wire::FetchCheckpoint { space_id });
        match self.request(body).await? {
            RelayBody::Checkpoint(checkpoint) => Ok(checkpoint),
            other => Err(unexpected(&other)),
        }
    }

    /// Offers what a restored relay may lack.
    pub(crate) async fn heal(&self, heal: wire::Heal) -> Result<wire::Healed, Error> {
        match self.request(ClientBody::Heal(heal)).await? {
            RelayBody::Healed(healed) => Ok(healed),
            other => Err(unexpected(&other)),
        }
    }

    /// Fetches what the holder of an invite needs to join.
    pub(crate) async fn fetch_invite(&self, lookup: wire::FetchInvite) -> Result<wire::FetchedInvite, Error> {
        match self.request(ClientBody::FetchInvite(lookup)).await? {
            RelayBody::FetchedInvite(fetched) => Ok(fetched),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends an ephemeral frame to the members who listen.
    pub(crate) async fn send_signal(&self, signal: wire::SignedSignal) -> Result<(), Error> {
        let signal = Some(signal);
        match self
            .request(ClientBody::SendSignal(wire::SendSignal { signal }))
            .await?
        {
            RelayBody::Done(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(answer: &RelayBody) -> Error {
    match answer {
        RelayBody::Nack(nack) => refusal(nack).into(),
        _ => Error::alarm("the relay answered with a frame of another kind"),
    }
}

/// A nack as an error.
pub(crate) fn refusal(nack: &Nack) -> Refusal {
    let some = |value: u64| (value > 0).then_some(value);
    Refusal {
        retry_after: some(nack.retry_after_ms).map(Duration::from_millis),
        limit: some(nack.limit),
        epoch: some(nack.epoch),
        seq: some(nack.seq),
        tombstone: nack.tombstone.clone(),
        ..Refusal::new(&nack.code, &nack.message)
    }
}
