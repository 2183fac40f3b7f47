//! Room for a blob.

use sqlx::PgConnection;

use super::{
    rows,
    usage::{self, Change},
};
use crate::{
    blobs::{
        ObjectKey,
        ports::{BlobRow, BlobState, NewBlob, ReserveRefusal},
    },
    store::{columns::to_bigint, error::expect_rows},
    store_failure::{StoreError, StoreFailure},
};

type Refusable<T> = Result<T, StoreError<ReserveRefusal>>;

pub(super) async fn reserve(connection: &mut PgConnection, blob: &NewBlob) -> Refusable<BlobRow> {
    match rows::find_locked(&mut *connection, blob.space, blob.blob_id).await? {
        Some(found) => grow(connection, blob, found).await,
        None => insert(connection, blob).await,
    }
}

async fn insert(connection: &mut PgConnection, blob: &NewBlob) -> Refusable<BlobRow> {
    let prefix = usage::open(&mut *connection, blob).await?;
    let change = Change {
        bytes: to_bigint("blobs.bytes", blob.bytes)?,
        blobs: 1,
    };
    usage::take(&mut *connection, blob, change).await?;
    let key = ObjectKey {
        prefix,
        rest: blob.key.rest,
    };
    let inserted = sqlx::query!(
        "INSERT INTO blobs (space_no, blob_id, account_id, principal_id, key_prefix, key_rest, state, part_bytes,
                            bytes, reserved_at, changed_at, put_until)
         VALUES ($1, $2, $3, $4, $5, $6, 'reserved', $7, $8, $9, $9, $9)",
        blob.space.0,
        &blob.blob_id.as_bytes()[..],
        &blob.account.as_bytes()[..],
        &blob.principal.as_bytes()[..],
        &key.prefix[..],
        &key.rest[..],
        to_bigint("blobs.part_bytes", blob.part_bytes)?,
        change.bytes,
        blob.now,
    )
    .execute(connection)
    .await;
    expect_rows("a new blob", 1, &inserted.map_err(lost_race)?)?;
    Ok(BlobRow {
        space: blob.space,
        blob_id: blob.blob_id,
        account: blob.account,
        principal: blob.principal,
        key,
        upload: None,
        state: BlobState::Reserved,
        part_bytes: blob.part_bytes,
        bytes: blob.bytes,
        sha256: None,
    })
}

/// The same request that came twice at once: the next attempt finds the row.
fn lost_race(error: sqlx::Error) -> StoreFailure {
    let is_taken = error
        .as_database_error()
        .is_some_and(|refused| refused.is_unique_violation());
    if is_taken {
        return StoreFailure::Conflict(Box::new(error));
    }
    error.into()
}

async fn grow(connection: &mut PgConnection, blob: &NewBlob, found: BlobRow) -> Refusable<BlobRow> {
    let is_same = found.principal == blob.principal && found.part_bytes == blob.part_bytes;
    if !is_same {
        return Err(StoreError::Refused(ReserveRefusal::Conflict));
    }
    if found.state != BlobState::Reserved || blob.bytes <= found.bytes {
        return Ok(found);
    }
    usage::take(&mut *connection, blob, Change::of_bytes(found.bytes, blob.bytes)?).await?;
    let updated = sqlx::query!(
        "UPDATE blobs SET bytes = $3, changed_at = greatest(changed_at, $4) WHERE space_no = $1 AND blob_id = $2",
        blob.space.0,
        &blob.blob_id.as_bytes()[..],
        to_bigint("blobs.bytes", blob.bytes)?,
        blob.now,
    )
    .execute(connection)
    .await?;
    expect_rows("a blob that grows", 1, &updated)?;
    Ok(BlobRow {
        bytes: blob.bytes,
        ..found
    })
}
