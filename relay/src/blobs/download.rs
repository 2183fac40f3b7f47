//! Addresses to fetch blobs from.

use sealpost_protocol::http::BlobDownload;
use sealpost_protocol::ids::{BlobId, SpaceId};

use super::{BlobError, BlobService, Caller};

impl BlobService {
    /// Signs where a blob can be fetched, for who is a member now.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] for a blob that is not whole; that the caller is no member.
    pub async fn sign_download(
        &self,
        caller: Caller,
        space_id: SpaceId,
        blob_id: BlobId,
    ) -> Result<BlobDownload, BlobError> {
        let standing = self.standing(caller, space_id).await?;
        let blob = self.parts.ledger.blob(standing.space, blob_id).await?;
        let blob = blob
            .filter(|blob| blob.state.is_whole())
            .ok_or(BlobError::NotFound)?;
        let signed = self.parts.storage.sign_get(&blob.key).await?;
        Ok(BlobDownload {
            url: signed.url,
            bytes: blob.bytes,
            sha256: blob.sha256.unwrap_or_default().to_vec().into(),
            expires_at: signed.expires_at,
        })
    }
}
