//! Room for a blob.

use sealpost_protocol::blob::BlobSize;
use sealpost_protocol::http::{BlobReserve, BlobReserved};
use sealpost_protocol::limits::{MAX_BLOB, MAX_BLOB_PARTS};

use super::parts::check_part_length;
use super::ports::{BlobRow, NewBlob, ReserveRefusal};
use super::service::check_goes_on;
use super::{BlobError, BlobService, Caller, ObjectKey};
use crate::log::ports::SpaceNumber;
use crate::store_failure::StoreError;

impl BlobService {
    /// Reserves room for a blob against the quotas of account and space, and begins its upload; or more room, where it goes on.
    ///
    /// # Errors
    /// [`BlobError::QuotaExceeded`]; [`BlobError::Conflict`] if the id is taken; what keeps the caller from writing.
    pub async fn reserve(&self, caller: Caller, request: &BlobReserve) -> Result<BlobReserved, BlobError> {
        check_part_length(request.part_bytes)?;
        check_size(request)?;
        let standing = self.writer(caller, request.space_id).await?;
        let blob = self.row(caller, standing.space, request).await?;
        // Who lost the answer to a completion goes on as if nothing had been.
        if !blob.state.is_whole() {
            check_goes_on(&blob)?;
            self.begin(&blob).await?;
        }
        Ok(BlobReserved { bytes: blob.bytes })
    }

    async fn row(
        &self,
        caller: Caller,
        space: SpaceNumber,
        request: &BlobReserve,
    ) -> Result<BlobRow, BlobError> {
        let blob = NewBlob {
            space,
            blob_id: request.blob_id,
            account: caller.party.account_id(),
            principal: caller.principal,
            key: self.draw_key(),
            part_bytes: request.part_bytes,
            bytes: request.bytes,
            quotas: self.settings.quotas,
            now: self.parts.clock.now(),
        };
        match self.parts.ledger.reserve(&blob).await {
            Ok(row) => Ok(row),
            Err(StoreError::Refused(ReserveRefusal::Conflict)) => Err(BlobError::Conflict),
            Err(StoreError::Refused(ReserveRefusal::Quota { limit })) => {
                Err(BlobError::QuotaExceeded { limit })
            }
            Err(StoreError::Failed(failure)) => Err(failure.into()),
        }
    }

    fn draw_key(&self) -> ObjectKey {
        let mut key = ObjectKey {
            prefix: [0; 16],
            rest: [0; 32],
        };
        self.parts.entropy.fill(&mut key.prefix);
        self.parts.entropy.fill(&mut key.rest);
        key
    }

    /// Begins the upload of a blob that has none. Of two that are begun at once, one is abandoned.
    async fn begin(&self, blob: &BlobRow) -> Result<(), BlobError> {
        if blob.upload.is_some() {
            return Ok(());
        }
        let storage = &self.parts.storage;
        let id = storage.begin(&blob.key).await?;
        let ledger = &self.parts.ledger;
        if !ledger.begin_upload(blob.space, blob.blob_id, &id).await? {
            storage.abandon(&blob.key.to_string(), &id).await?;
        }
        Ok(())
    }
}

/// That a blob can have so many bytes, and that its parts are enough for them.
fn check_size(request: &BlobReserve) -> Result<(), BlobError> {
    let longest = BlobSize::new(MAX_BLOB).map_or(u64::MAX, BlobSize::stored);
    let limit = longest.min(request.part_bytes * u64::from(MAX_BLOB_PARTS));
    if request.bytes > limit {
        return Err(BlobError::TooLarge { limit });
    }
    (request.bytes > 0)
        .then_some(())
        .ok_or(BlobError::Malformed("bytes"))
}
