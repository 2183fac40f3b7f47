//! From parts to an object, once.

use sealpost_protocol::http::BlobComplete;
use sealpost_protocol::ids::{BlobId, SpaceId};

use super::parts::PartList;
use super::ports::{BlobRow, FINISH_WITHIN, Settled, StorageError, Upload};
use super::service::check_goes_on;
use super::{BlobError, BlobService, Caller};

impl BlobService {
    /// Compares the list with the parts that are there, makes an object of them, and gives back what was reserved too much.
    /// The same request again gets the same answer.
    ///
    /// Goes on when the future is dropped: a storage may have begun, and half an answer is none.
    ///
    /// # Errors
    /// [`BlobError::PartsMismatch`]; [`BlobError::Conflict`] if it is complete with other bytes; [`BlobError::Expired`];
    /// what keeps the caller from writing.
    pub async fn complete(
        &self,
        caller: Caller,
        space_id: SpaceId,
        blob_id: BlobId,
        request: &BlobComplete,
    ) -> Result<(), BlobError> {
        let standing = self.writer(caller, space_id).await?;
        let blob = self.own(caller, standing, blob_id).await?;
        let list = PartList::of(&blob, request)?;
        // Who gives up while it waits leaves nothing behind; who has the turn goes on.
        let turn = self.completing.of(blob.space, blob_id).await;
        let service = self.clone();
        let work = tokio::spawn(async move {
            let completed = service.complete_in_turn(&blob, &list).await;
            drop(turn);
            completed
        });
        work.await.unwrap_or_else(|failed| {
            tracing::error!(error = %failed, "completing a blob ended in a panic");
            Err(StorageError::Unavailable(Box::new(failed)).into())
        })
    }

    async fn complete_in_turn(&self, blob: &BlobRow, list: &PartList) -> Result<(), BlobError> {
        // Whoever had the turn before may have done it.
        let now = self.parts.ledger.blob(blob.space, blob.blob_id).await?;
        let blob = now.ok_or(BlobError::Expired)?;
        if blob.state.is_whole() {
            return is_this(&blob, list);
        }
        check_goes_on(&blob)?;
        let made_by = self.parts.clock.now() + FINISH_WITHIN;
        self.hold_off_the_sweep(&blob, made_by).await?;
        self.make_object(&blob, list).await?;
        let settled = Settled {
            space: blob.space,
            blob_id: blob.blob_id,
            bytes: list.bytes,
            sha256: list.sha256,
            now: self.parts.clock.now(),
        };
        if self.parts.ledger.settle(settled).await? {
            return Ok(());
        }
        let now = self.parts.ledger.blob(blob.space, blob.blob_id).await?;
        match now.filter(|now| now.state.is_whole()) {
            // Another relay was faster.
            Some(now) => is_this(&now, list),
            // It was given up meanwhile, and the sweep may have looked for the object before it was there.
            None => {
                self.parts.storage.remove(&blob.key.to_string()).await?;
                Err(BlobError::Expired)
            }
        }
    }

    /// Makes the object, or finds that it was made: an answer may have been lost on either side.
    async fn make_object(&self, blob: &BlobRow, list: &PartList) -> Result<(), BlobError> {
        let id = blob.upload.clone().ok_or(BlobError::PartsMismatch)?;
        let upload = Upload { key: blob.key, id };
        let made = self.finish(&upload, list).await;
        let stored = self.parts.storage.length(&blob.key).await?;
        match (stored, made) {
            (Some(length), _) if length == list.bytes => Ok(()),
            (Some(_), _) => Err(BlobError::PartsMismatch),
            (None, Err(BlobError::Storage(StorageError::NoUpload))) => Err(BlobError::Expired),
            (None, Err(BlobError::Storage(StorageError::Parts))) => Err(BlobError::PartsMismatch),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => {
                tracing::error!("the storage of blobs has no object that it said to have made");
                Err(BlobError::PartsMismatch)
            }
        }
    }

    async fn finish(&self, upload: &Upload, list: &PartList) -> Result<(), BlobError> {
        let storage = &self.parts.storage;
        list.check(&storage.parts(upload).await?)?;
        Ok(storage.finish(upload, &list.parts).await?)
    }
}

/// That a blob which is whole is the one that was to be completed.
fn is_this(blob: &BlobRow, list: &PartList) -> Result<(), BlobError> {
    let same = blob.bytes == list.bytes && blob.sha256 == Some(list.sha256);
    same.then_some(()).ok_or(BlobError::Conflict)
}
