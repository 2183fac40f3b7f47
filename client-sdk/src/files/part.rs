//! One part on its way.

use std::sync::Arc;

use bytes::Bytes;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::http::{BlobPart, BlobPartDone};
use sealpost_protocol::ids::{BlobId, SpaceId};

use super::retry::patiently;
use super::storage::Storage;
use crate::client::Shared;
use crate::error::Error;

/// Who puts parts of a blob, and where.
#[derive(Clone)]
pub(super) struct Putter {
    pub(super) shared: Arc<Shared>,
    pub(super) storage: Arc<Storage>,
    pub(super) space_id: SpaceId,
    pub(super) blob_id: BlobId,
}

impl Putter {
    /// Puts a part, each attempt at a new address.
    pub(super) async fn put(
        self,
        number: u32,
        bytes: Bytes,
        sha256: Digest32,
    ) -> Result<BlobPartDone, Error> {
        let part = BlobPart {
            number,
            length: bytes.len() as u64,
            sha256: sha256.to_vec().into(),
        };
        let etag = patiently(&self.shared, || self.attempt(&part, &bytes)).await?;
        Ok(BlobPartDone {
            number,
            length: part.length,
            sha256: part.sha256,
            etag,
        })
    }

    async fn attempt(&self, part: &BlobPart, bytes: &Bytes) -> Result<String, Error> {
        let local = self.shared.local_account().await?;
        let place = (&self.space_id, &self.blob_id);
        let signed = self
            .shared
            .api
            .blob_part(&local.session.token, place, part.clone());
        match &signed.await?.parts[..] {
            [at] if at.number == part.number => self.storage.put(at, bytes.clone()).await,
            _ => Err(Error::alarm("the relay signs another part than was asked for")),
        }
    }
}
