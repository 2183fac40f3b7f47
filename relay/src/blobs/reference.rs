//! Which event refers to a blob.

use sealpost_protocol::ids::{BlobId, SpaceId};

use super::{BlobError, BlobService, Caller};

impl BlobService {
    /// Notes that the event at this place, or one right behind it, refers to the blob, so that it is kept as long as the event's
    /// content. Any member may say so: only its author and who has read the event know the blob.
    ///
    /// # Errors
    /// [`BlobError::Malformed`] if the log has no such place; [`BlobError::NotFound`] for a blob that is not whole; that the
    /// caller is no member.
    pub async fn note_reference(
        &self,
        caller: Caller,
        space_id: SpaceId,
        blob_id: BlobId,
        seq: u64,
    ) -> Result<(), BlobError> {
        let standing = self.standing(caller, space_id).await?;
        if !(1..=standing.head_seq).contains(&seq) {
            return Err(BlobError::Malformed("seq"));
        }
        let now = self.parts.clock.now();
        let noted = self.parts.ledger.reference(standing.space, blob_id, seq, now);
        noted.await?.then_some(()).ok_or(BlobError::NotFound)
    }
}
