//! The way out of the ledger.

use sealpost_protocol::ids::BlobId;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{
    rows,
    usage::{self, Change},
};
use crate::{
    blobs::ports::{BlobState, StaleBefore, Usage},
    log::ports::SpaceNumber,
    store::{columns::from_bigint, error::expect_rows},
    store_failure::StoreFailure,
};

pub(super) async fn tombstone_stale(
    connection: impl PgExecutor<'_>,
    before: StaleBefore,
    now: OffsetDateTime,
    limit: u32,
) -> Result<u64, StoreFailure> {
    let updated = sqlx::query!(
        "UPDATE blobs SET state = 'tombstoned', changed_at = $5
         WHERE state IN ('reserved', 'uploaded', 'referenced') AND (space_no, blob_id) IN (
             SELECT blobs.space_no, blob_id FROM blobs LEFT JOIN spaces USING (space_no)
             WHERE (state = 'referenced' AND reference_seq < retained_from) OR (
                 (state = 'reserved' AND (changed_at < $1 OR reserved_at < $2 OR NOT EXISTS (
                     SELECT 1 FROM members
                     WHERE members.space_no = blobs.space_no AND members.principal_id = blobs.principal_id)))
                 OR (state = 'uploaded' AND changed_at < $3))
                 AND ($4 OR changed_at >= coalesce((SELECT created_at FROM relay_state), '-infinity'))
             LIMIT $6)",
        before.reserved,
        before.begun,
        before.uploaded,
        before.restored,
        now,
        i64::from(limit),
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected())
}

pub(super) async fn stale(
    connection: impl PgExecutor<'_>,
    before: StaleBefore,
) -> Result<Usage, StoreFailure> {
    let found = sqlx::query!(
        r#"SELECT count(*) AS "blobs!", coalesce(sum(bytes), 0)::bigint AS "bytes!"
           FROM blobs LEFT JOIN spaces USING (space_no)
           WHERE (state = 'referenced' AND reference_seq < retained_from) OR (
               (state = 'reserved' AND (changed_at < $1 OR reserved_at < $2 OR NOT EXISTS (
                   SELECT 1 FROM members
                   WHERE members.space_no = blobs.space_no AND members.principal_id = blobs.principal_id)))
               OR (state = 'uploaded' AND changed_at < $3))
               AND ($4 OR changed_at >= coalesce((SELECT created_at FROM relay_state), '-infinity'))"#,
        before.reserved,
        before.begun,
        before.uploaded,
        before.restored,
    )
    .fetch_one(connection)
    .await?;
    Ok(Usage {
        bytes: from_bigint("blobs.bytes", found.bytes)?,
        blobs: from_bigint("blobs", found.blobs)?,
    })
}

pub(super) async fn swept(
    connection: &mut PgConnection,
    space: SpaceNumber,
    blob_id: BlobId,
    now: OffsetDateTime,
) -> Result<bool, StoreFailure> {
    let blob = rows::find_locked(&mut *connection, space, blob_id).await?;
    let Some(blob) = blob.filter(|blob| blob.state == BlobState::Tombstoned) else {
        return Ok(false);
    };
    let updated = sqlx::query!(
        "UPDATE blobs SET state = 'swept', bytes = 0, changed_at = $3 WHERE space_no = $1 AND blob_id = $2",
        space.0,
        &blob_id.as_bytes()[..],
        now,
    )
    .execute(&mut *connection)
    .await?;
    expect_rows("a blob that is swept", 1, &updated)?;
    let change = Change::of_bytes(blob.bytes, 0)?;
    usage::give_back(connection, &blob, change).await?;
    Ok(true)
}

pub(super) async fn forget(
    connection: &mut PgConnection,
    space: SpaceNumber,
    blob_id: BlobId,
) -> Result<bool, StoreFailure> {
    let blob = rows::find_locked(&mut *connection, space, blob_id).await?;
    let Some(blob) = blob.filter(|blob| blob.state == BlobState::Swept) else {
        return Ok(false);
    };
    let deleted = sqlx::query!(
        "DELETE FROM blobs WHERE space_no = $1 AND blob_id = $2",
        space.0,
        &blob_id.as_bytes()[..],
    )
    .execute(&mut *connection)
    .await?;
    expect_rows("a blob that is forgotten", 1, &deleted)?;
    usage::give_back(connection, &blob, Change { bytes: 0, blobs: -1 }).await?;
    Ok(true)
}
