//! Room, addresses and the end of blobs.

use sealpost_protocol::http::{
    BlobComplete, BlobDownload, BlobPart, BlobPartUrls, BlobPartsRequest, BlobReferenced, BlobReserve,
    BlobReserved, SecretToken, paths,
};
use sealpost_protocol::ids::{BlobId, PrincipalId, SpaceId};

use super::Api;
use crate::error::Error;

impl Api {
    pub(crate) async fn reserve_blob(
        &self,
        session: &SecretToken,
        body: &BlobReserve,
    ) -> Result<BlobReserved, Error> {
        self.post(paths::BLOBS, Some(session), body).await
    }

    /// Where one part can be put.
    pub(crate) async fn blob_part(
        &self,
        session: &SecretToken,
        (space_id, blob_id): (&SpaceId, &BlobId),
        part: BlobPart,
    ) -> Result<BlobPartUrls, Error> {
        let path = paths::blob_parts(space_id, blob_id);
        let body = BlobPartsRequest { parts: vec![part] };
        self.post(&path, Some(session), &body).await
    }

    pub(crate) async fn complete_blob(
        &self,
        session: &SecretToken,
        (space_id, blob_id): (&SpaceId, &BlobId),
        body: &BlobComplete,
    ) -> Result<(), Error> {
        self.post_for_nothing(&paths::blob_complete(space_id, blob_id), Some(session), body)
            .await
    }

    pub(crate) async fn reference_blob(
        &self,
        session: &SecretToken,
        (space_id, blob_id): (&SpaceId, &BlobId),
        seq: u64,
    ) -> Result<(), Error> {
        let path = paths::blob_reference(space_id, blob_id);
        self.post_for_nothing(&path, Some(session), &BlobReferenced { seq })
            .await
    }

    pub(crate) async fn blob(
        &self,
        session: &SecretToken,
        (space_id, blob_id): (&SpaceId, &BlobId),
    ) -> Result<BlobDownload, Error> {
        self.get(&paths::blob(space_id, blob_id), Some(session)).await
    }

    pub(crate) async fn delete_blob(
        &self,
        session: &SecretToken,
        (space_id, blob_id): (&SpaceId, &BlobId),
        author: &PrincipalId,
    ) -> Result<(), Error> {
        self.delete(&paths::blob_of(space_id, blob_id, author), session)
            .await
    }
}
