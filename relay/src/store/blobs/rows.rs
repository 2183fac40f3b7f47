//! One row.

use sealpost_protocol::ids::{AccountId, BlobId, PrincipalId};
use sqlx::{PgConnection, PgExecutor};

use crate::{
    blobs::{
        ObjectKey,
        ports::{BlobRow, UploadId},
    },
    log::ports::SpaceNumber,
    store::columns::from_bigint,
    store_failure::StoreFailure,
};

pub(super) struct BlobRecord {
    pub(super) space_no: i64,
    pub(super) blob_id: [u8; 16],
    pub(super) account_id: [u8; 16],
    pub(super) principal_id: [u8; 32],
    pub(super) key_prefix: [u8; 16],
    pub(super) key_rest: [u8; 32],
    pub(super) upload: Option<String>,
    pub(super) state: String,
    pub(super) part_bytes: i64,
    pub(super) bytes: i64,
    pub(super) sha256: Option<[u8; 32]>,
}

impl TryFrom<BlobRecord> for BlobRow {
    type Error = StoreFailure;

    fn try_from(record: BlobRecord) -> Result<Self, StoreFailure> {
        let state = record.state.parse();
        Ok(Self {
            space: SpaceNumber(record.space_no),
            blob_id: BlobId::new(record.blob_id),
            account: AccountId::new(record.account_id),
            principal: PrincipalId::new(record.principal_id),
            key: ObjectKey {
                prefix: record.key_prefix,
                rest: record.key_rest,
            },
            upload: record.upload.map(UploadId),
            state: state.map_err(|_| StoreFailure::Malformed("blobs.state"))?,
            part_bytes: from_bigint("blobs.part_bytes", record.part_bytes)?,
            bytes: from_bigint("blobs.bytes", record.bytes)?,
            sha256: record.sha256,
        })
    }
}

pub(super) async fn find(
    connection: impl PgExecutor<'_>,
    space: SpaceNumber,
    blob_id: BlobId,
) -> Result<Option<BlobRow>, StoreFailure> {
    let record = sqlx::query_as!(
        BlobRecord,
        r#"SELECT space_no, blob_id AS "blob_id: [u8; 16]", account_id AS "account_id: [u8; 16]",
                  principal_id AS "principal_id: [u8; 32]", key_prefix AS "key_prefix: [u8; 16]",
                  key_rest AS "key_rest: [u8; 32]", upload, state, part_bytes, bytes,
                  sha256 AS "sha256: [u8; 32]"
           FROM blobs WHERE space_no = $1 AND blob_id = $2"#,
        space.0,
        &blob_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await?;
    record.map(BlobRow::try_from).transpose()
}

pub(super) async fn find_by_key(
    connection: impl PgExecutor<'_>,
    key: &ObjectKey,
) -> Result<Option<BlobRow>, StoreFailure> {
    let record = sqlx::query_as!(
        BlobRecord,
        r#"SELECT space_no, blob_id AS "blob_id: [u8; 16]", account_id AS "account_id: [u8; 16]",
                  principal_id AS "principal_id: [u8; 32]", key_prefix AS "key_prefix: [u8; 16]",
                  key_rest AS "key_rest: [u8; 32]", upload, state, part_bytes, bytes,
                  sha256 AS "sha256: [u8; 32]"
           FROM blobs WHERE key_prefix = $1 AND key_rest = $2"#,
        &key.prefix[..],
        &key.rest[..],
    )
    .fetch_optional(connection)
    .await?;
    record.map(BlobRow::try_from).transpose()
}

/// As [`find`], and nobody else changes it before the transaction ends.
pub(super) async fn find_locked(
    connection: &mut PgConnection,
    space: SpaceNumber,
    blob_id: BlobId,
) -> Result<Option<BlobRow>, StoreFailure> {
    let record = sqlx::query_as!(
        BlobRecord,
        r#"SELECT space_no, blob_id AS "blob_id: [u8; 16]", account_id AS "account_id: [u8; 16]",
                  principal_id AS "principal_id: [u8; 32]", key_prefix AS "key_prefix: [u8; 16]",
                  key_rest AS "key_rest: [u8; 32]", upload, state, part_bytes, bytes,
                  sha256 AS "sha256: [u8; 32]"
           FROM blobs WHERE space_no = $1 AND blob_id = $2 FOR UPDATE"#,
        space.0,
        &blob_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await?;
    record.map(BlobRow::try_from).transpose()
}
