//! The end of a blob.

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::ids::{BlobId, PrincipalId, SpaceId};

use super::ports::{BlobState, NOBODY};
use super::{BlobError, BlobService, Caller};

impl BlobService {
    /// Deletes a blob, or gives its upload up: nobody can fetch it any more, and the sweep removes it. For who put it and for who
    /// manages the space. One that is deleted already is fine. With `author`, somebody else's is not found: anybody can send a message that
    /// names a blob of another.
    ///
    /// # Errors
    /// [`BlobError::NotFound`]; [`BlobError::NotPermitted`]; that the caller is no member.
    pub async fn delete(
        &self,
        caller: Caller,
        space_id: SpaceId,
        blob_id: BlobId,
        author: Option<PrincipalId>,
    ) -> Result<(), BlobError> {
        let standing = self.standing(caller, space_id).await?;
        let ledger = &self.parts.ledger;
        let blob = ledger.blob(standing.space, blob_id).await?;
        let may_manage = standing.capabilities.contains(Capabilities::MANAGE);
        let is_own = |principal| principal == caller.principal;
        let blob = blob
            .filter(|blob| blob.state != BlobState::Reserved || is_own(blob.principal) || may_manage)
            .filter(|blob| author.is_none_or(|author| [author, NOBODY].contains(&blob.principal)))
            .ok_or(BlobError::NotFound)?;
        if !is_own(blob.principal) && !may_manage {
            return Err(BlobError::NotPermitted);
        }
        // `false` says that somebody else has marked it.
        ledger
            .tombstone(blob.space, blob_id, self.parts.clock.now())
            .await?;
        Ok(())
    }
}
