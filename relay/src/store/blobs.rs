//! The ledger of blobs. What a space and an account use changes in the same transaction as the rows that it is the sum of.

mod pages;
mod reserve;
mod rows;
mod sweep;
mod usage;

use futures_util::FutureExt;
use sealpost_protocol::ids::BlobId;
use time::OffsetDateTime;

use self::usage::Change;
use super::{Store, columns::to_bigint, error::expect_rows, infallible};
use crate::{
    blobs::{
        ObjectKey,
        ports::{
            BlobLedger, BlobRow, BlobState, NewBlob, ReserveRefusal, Settled, StaleBefore, UploadId, Usage,
        },
    },
    log::ports::{SpaceNumber, Stored, StoredOr},
    store_failure::StoreError,
};

impl BlobLedger for Store {
    fn reserve<'a>(&'a self, blob: &'a NewBlob) -> StoredOr<'a, BlobRow, ReserveRefusal> {
        self.run_tx("reserve_blob", move |tx| {
            reserve::reserve(tx.connection(), blob).boxed()
        })
        .boxed()
    }

    fn blob(&self, space: SpaceNumber, blob_id: BlobId) -> Stored<'_, Option<BlobRow>> {
        async move { rows::find(self.pool(), space, blob_id).await }.boxed()
    }

    fn by_key<'a>(&'a self, key: &'a ObjectKey) -> Stored<'a, Option<BlobRow>> {
        async move { rows::find_by_key(self.pool(), key).await }.boxed()
    }

    fn begin_upload<'a>(
        &'a self,
        space: SpaceNumber,
        blob_id: BlobId,
        upload: &'a UploadId,
    ) -> Stored<'a, bool> {
        async move {
            let updated = sqlx::query!(
                "UPDATE blobs SET upload = $3
                 WHERE space_no = $1 AND blob_id = $2 AND upload IS NULL AND state = 'reserved'",
                space.0,
                &blob_id.as_bytes()[..],
                upload.0,
            )
            .execute(self.pool())
            .await?;
            Ok(updated.rows_affected() == 1)
        }
        .boxed()
    }

    fn note_parts(
        &self,
        space: SpaceNumber,
        blob_id: BlobId,
        put_until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Stored<'_, bool> {
        async move {
            let updated = sqlx::query!(
                "UPDATE blobs SET put_until = greatest(put_until, $3), changed_at = greatest(changed_at, $4)
                 WHERE space_no = $1 AND blob_id = $2 AND state = 'reserved'",
                space.0,
                &blob_id.as_bytes()[..],
                put_until,
                now,
            )
            .execute(self.pool())
            .await?;
            Ok(updated.rows_affected() == 1)
        }
        .boxed()
    }

    fn settle(&self, settled: Settled) -> Stored<'_, bool> {
        infallible(self.run_tx("settle_blob", move |tx| {
            async move {
                let connection = tx.connection();
                let blob = rows::find_locked(&mut *connection, settled.space, settled.blob_id).await?;
                let Some(blob) = blob.filter(|blob| blob.state == BlobState::Reserved) else {
                    return Ok(false);
                };
                let updated = sqlx::query!(
                    "UPDATE blobs SET state = 'uploaded', bytes = $3, sha256 = $4, changed_at = $5, put_until = $5
                     WHERE space_no = $1 AND blob_id = $2",
                    settled.space.0,
                    &settled.blob_id.as_bytes()[..],
                    to_bigint("blobs.bytes", settled.bytes)?,
                    &settled.sha256[..],
                    settled.now,
                )
                .execute(&mut *connection)
                .await?;
                expect_rows("a blob that is whole", 1, &updated)?;
                let change = Change::of_bytes(blob.bytes, settled.bytes)?;
                usage::give_back(connection, &blob, change).await?;
                Ok(true)
            }
            .boxed()
        }))
        .boxed()
    }

    fn reference(
        &self,
        space: SpaceNumber,
        blob_id: BlobId,
        seq: u64,
        now: OffsetDateTime,
    ) -> Stored<'_, bool> {
        async move {
            let updated = sqlx::query!(
                "UPDATE blobs SET state = 'referenced', reference_seq = greatest(reference_seq, $3),
                        changed_at = CASE state WHEN 'uploaded' THEN $4 ELSE changed_at END
                 WHERE space_no = $1 AND blob_id = $2 AND state IN ('uploaded', 'referenced')",
                space.0,
                &blob_id.as_bytes()[..],
                to_bigint("blobs.reference_seq", seq)?,
                now,
            )
            .execute(self.pool())
            .await?;
            Ok(updated.rows_affected() == 1)
        }
        .boxed()
    }

    fn tombstone(&self, space: SpaceNumber, blob_id: BlobId, now: OffsetDateTime) -> Stored<'_, bool> {
        async move {
            let updated = sqlx::query!(
                "UPDATE blobs SET state = 'tombstoned', changed_at = $3
                 WHERE space_no = $1 AND blob_id = $2 AND state IN ('reserved', 'uploaded', 'referenced')",
                space.0,
                &blob_id.as_bytes()[..],
                now,
            )
            .execute(self.pool())
            .await?;
            Ok(updated.rows_affected() == 1)
        }
        .boxed()
    }

    fn tombstone_stale(&self, before: StaleBefore, now: OffsetDateTime, limit: u32) -> Stored<'_, u64> {
        async move { sweep::tombstone_stale(self.pool(), before, now, limit).await }.boxed()
    }

    fn stale(&self, before: StaleBefore) -> Stored<'_, Usage> {
        async move { sweep::stale(self.pool(), before).await }.boxed()
    }

    fn to_sweep<'a>(
        &'a self,
        put_before: OffsetDateTime,
        after: Option<&'a ObjectKey>,
        limit: u32,
    ) -> Stored<'a, Vec<BlobRow>> {
        async move { pages::to_sweep(self.pool(), put_before, after, limit).await }.boxed()
    }

    fn swept(&self, space: SpaceNumber, blob_id: BlobId, now: OffsetDateTime) -> Stored<'_, bool> {
        infallible(self.run_tx("sweep_blob", move |tx| {
            sweep::swept(tx.connection(), space, blob_id, now)
                .map(|swept| swept.map_err(StoreError::Failed))
                .boxed()
        }))
        .boxed()
    }

    fn to_forget<'a>(
        &'a self,
        time: OffsetDateTime,
        after: Option<&'a ObjectKey>,
        limit: u32,
    ) -> Stored<'a, Vec<BlobRow>> {
        async move { pages::to_forget(self.pool(), time, after, limit).await }.boxed()
    }

    fn forget(&self, space: SpaceNumber, blob_id: BlobId) -> Stored<'_, bool> {
        infallible(self.run_tx("forget_blob", move |tx| {
            sweep::forget(tx.connection(), space, blob_id)
                .map(|forgotten| forgotten.map_err(StoreError::Failed))
                .boxed()
        }))
        .boxed()
    }

    fn page<'a>(&'a self, after: Option<&'a ObjectKey>, limit: u32) -> Stored<'a, Vec<BlobRow>> {
        async move { pages::page(self.pool(), after, limit).await }.boxed()
    }

    fn totals(&self) -> Stored<'_, Vec<(BlobState, Usage)>> {
        async move { pages::totals(self.pool()).await }.boxed()
    }
}
