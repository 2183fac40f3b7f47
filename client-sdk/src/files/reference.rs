//! The message that refers to a blob.

use futures_util::StreamExt;
use sealpost_protocol::blob::{BlobReference, REFERENCE_TYPE};

use super::retry::patiently;
use crate::error::Error;
use crate::outbox::Sent;
use crate::space::core::SpaceCore;
use crate::space::{Delivered, Position, Space};

/// The own message with this reference behind a place of the log, where a call before this one sent it.
pub(super) async fn already_sent(
    space: &Space,
    reference: &BlobReference,
    after: u64,
) -> Result<Option<Sent>, Error> {
    // What was signed and not acked stands in the log after this.
    space.flush().await?;
    let until = space.sync().await?.seq;
    let mut messages = space.read(Position::after_event(after), until);
    let me = space.core().me();
    while let Some(message) = messages.next().await {
        match message {
            Ok(message) if message.author == me && is_of(&message, reference) => {
                return Ok(Some(Sent {
                    event_id: message.event_id,
                    seq: message.seq,
                    index: message.index,
                }));
            }
            Ok(_) | Err(Error::Unreadable { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn is_of(message: &Delivered, reference: &BlobReference) -> bool {
    message
        .blob()
        .is_some_and(|found| found.blob_id == reference.blob_id)
}

/// Tells the relay which event refers to a blob, so that it keeps it.
pub(super) async fn note(space: &Space, reference: &BlobReference, seq: u64) -> Result<(), Error> {
    note_in(space.core(), reference, seq).await
}

/// The same for a space that nobody has a handle on yet.
pub(super) async fn note_in(core: &SpaceCore, reference: &BlobReference, seq: u64) -> Result<(), Error> {
    let shared = &core.client;
    let (space_id, blob_id) = (core.space_id, reference.blob_id);
    patiently(shared, || async {
        let local = shared.local_account().await?;
        let place = (&space_id, &blob_id);
        shared.api.reference_blob(&local.session.token, place, seq).await
    })
    .await
}

impl Delivered {
    /// The blob that this message refers to; `None` for a message of another kind, or one that no reader should take.
    #[must_use]
    pub fn blob(&self) -> Option<BlobReference> {
        let body = Some(&self.body).filter(|_| self.content_type == REFERENCE_TYPE)?;
        BlobReference::parse(body).ok()
    }
}
