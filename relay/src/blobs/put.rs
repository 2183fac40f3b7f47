//! Addresses to put parts at.

use futures_util::future::try_join_all;
use sealpost_protocol::http::{BlobPartUrl, BlobPartUrls, BlobPartsRequest};
use sealpost_protocol::ids::{BlobId, SpaceId};

use super::parts::askable;
use super::ports::Upload;
use super::service::check_goes_on;
use super::{BlobError, BlobService, Caller, Part};

impl BlobService {
    /// Signs where these parts can be put: each with its own length and hash, within what is reserved.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] for what the caller has not reserved; [`BlobError::TooLarge`] beyond that;
    /// [`BlobError::Expired`] if the upload was given up; what keeps the caller from writing.
    pub async fn sign_parts(
        &self,
        caller: Caller,
        space_id: SpaceId,
        blob_id: BlobId,
        request: &BlobPartsRequest,
    ) -> Result<BlobPartUrls, BlobError> {
        let standing = self.writer(caller, space_id).await?;
        let blob = self.own(caller, standing, blob_id).await?;
        check_goes_on(&blob)?;
        let parts = askable(&blob, &request.parts)?;
        // The reservation was cut short before the upload had begun.
        let id = blob.upload.clone().ok_or(BlobError::NotFound)?;
        let upload = Upload { key: blob.key, id };
        // Noted before anything is signed: the sweep waits for what can still be put.
        let put_until = self.parts.clock.now() + self.settings.url_lifetime;
        self.hold_off_the_sweep(&blob, put_until).await?;
        let signed = parts.iter().map(|part| self.sign(&upload, part));
        Ok(BlobPartUrls {
            parts: try_join_all(signed).await?,
        })
    }

    async fn sign(&self, upload: &Upload, part: &Part) -> Result<BlobPartUrl, BlobError> {
        let signed = self.parts.storage.sign_put(upload, part).await?;
        Ok(BlobPartUrl {
            number: part.number,
            url: signed.url,
            headers: signed.headers,
            expires_at: signed.expires_at,
        })
    }
}
