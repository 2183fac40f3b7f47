//! Many rows, in the order of their objects' names.

use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::rows::BlobRecord;
use crate::{
    blobs::{
        ObjectKey,
        ports::{BlobRow, BlobState, Usage},
    },
    store::columns::from_bigint,
    store_failure::StoreFailure,
};

pub(super) async fn to_sweep(
    connection: impl PgExecutor<'_>,
    put_before: OffsetDateTime,
    after: Option<&ObjectKey>,
    limit: u32,
) -> Result<Vec<BlobRow>, StoreFailure> {
    let (prefix, rest) = parts(after);
    let records = sqlx::query_as!(
        BlobRecord,
        r#"SELECT space_no, blob_id AS "blob_id: [u8; 16]", account_id AS "account_id: [u8; 16]",
                  principal_id AS "principal_id: [u8; 32]", key_prefix AS "key_prefix: [u8; 16]",
                  key_rest AS "key_rest: [u8; 32]", upload, state, part_bytes, bytes,
                  sha256 AS "sha256: [u8; 32]"
           FROM blobs WHERE state = 'tombstoned' AND put_until < $1 AND (key_prefix, key_rest) > ($2, $3)
           ORDER BY key_prefix, key_rest LIMIT $4"#,
        put_before,
        prefix,
        rest,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    records.into_iter().map(BlobRow::try_from).collect()
}

pub(super) async fn page(
    connection: impl PgExecutor<'_>,
    after: Option<&ObjectKey>,
    limit: u32,
) -> Result<Vec<BlobRow>, StoreFailure> {
    let (prefix, rest) = parts(after);
    let records = sqlx::query_as!(
        BlobRecord,
        r#"SELECT space_no, blob_id AS "blob_id: [u8; 16]", account_id AS "account_id: [u8; 16]",
                  principal_id AS "principal_id: [u8; 32]", key_prefix AS "key_prefix: [u8; 16]",
                  key_rest AS "key_rest: [u8; 32]", upload, state, part_bytes, bytes,
                  sha256 AS "sha256: [u8; 32]"
           FROM blobs WHERE state <> 'swept' AND (key_prefix, key_rest) > ($1, $2)
           ORDER BY key_prefix, key_rest LIMIT $3"#,
        prefix,
        rest,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    records.into_iter().map(BlobRow::try_from).collect()
}

pub(super) async fn to_forget(
    connection: impl PgExecutor<'_>,
    time: OffsetDateTime,
    after: Option<&ObjectKey>,
    limit: u32,
) -> Result<Vec<BlobRow>, StoreFailure> {
    let (prefix, rest) = parts(after);
    let records = sqlx::query_as!(
        BlobRecord,
        r#"SELECT space_no, blob_id AS "blob_id: [u8; 16]", account_id AS "account_id: [u8; 16]",
                  principal_id AS "principal_id: [u8; 32]", key_prefix AS "key_prefix: [u8; 16]",
                  key_rest AS "key_rest: [u8; 32]", upload, state, part_bytes, bytes,
                  sha256 AS "sha256: [u8; 32]"
           FROM blobs WHERE state = 'swept' AND changed_at < $1 AND (key_prefix, key_rest) > ($2, $3)
           ORDER BY key_prefix, key_rest LIMIT $4"#,
        time,
        prefix,
        rest,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    records.into_iter().map(BlobRow::try_from).collect()
}

/// The empty name is before all others.
fn parts(after: Option<&ObjectKey>) -> (&[u8], &[u8]) {
    after.map_or((&[], &[]), |key| (&key.prefix[..], &key.rest[..]))
}

pub(super) async fn totals(connection: impl PgExecutor<'_>) -> Result<Vec<(BlobState, Usage)>, StoreFailure> {
    let records = sqlx::query!(
        r#"SELECT state, count(*) AS "blobs!", coalesce(sum(bytes), 0)::bigint AS "bytes!"
           FROM blobs GROUP BY state"#
    )
    .fetch_all(connection)
    .await?;
    let totals = records.into_iter().map(|record| {
        let state = record.state.parse();
        let usage = Usage {
            bytes: from_bigint("blobs.bytes", record.bytes)?,
            blobs: from_bigint("blobs", record.blobs)?,
        };
        Ok((state.map_err(|_| StoreFailure::Malformed("blobs.state"))?, usage))
    });
    totals.collect()
}
