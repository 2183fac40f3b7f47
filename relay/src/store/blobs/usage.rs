//! What spaces and accounts use of the storage.

use sealpost_protocol::ids::AccountId;
use sqlx::PgConnection;

use crate::{
    blobs::ports::{BlobRow, NewBlob, ReserveRefusal},
    log::ports::SpaceNumber,
    store::{columns::to_bigint, error::expect_rows},
    store_failure::{StoreError, StoreFailure},
};

/// By how much a use changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) bytes: i64,
    pub(super) blobs: i64,
}

impl Change {
    pub(super) fn of_bytes(from: u64, to: u64) -> Result<Self, StoreFailure> {
        let bytes = to_bigint("blobs.bytes", to)? - to_bigint("blobs.bytes", from)?;
        Ok(Self { bytes, blobs: 0 })
    }
}

/// Makes the rows of space and account where they are missing; returns what names of the space's objects begin with.
pub(super) async fn open(connection: &mut PgConnection, blob: &NewBlob) -> Result<[u8; 16], StoreFailure> {
    sqlx::query!(
        "INSERT INTO blob_spaces (space_no, key_prefix) VALUES ($1, $2) ON CONFLICT (space_no) DO NOTHING",
        blob.space.0,
        &blob.key.prefix[..],
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO blob_accounts (account_id) VALUES ($1) ON CONFLICT (account_id) DO NOTHING",
        &blob.account.as_bytes()[..],
    )
    .execute(&mut *connection)
    .await?;
    let prefix = sqlx::query_scalar!(
        r#"SELECT key_prefix AS "key_prefix: [u8; 16]" FROM blob_spaces WHERE space_no = $1"#,
        blob.space.0,
    )
    .fetch_one(connection)
    .await?;
    Ok(prefix)
}

/// Takes room, if both quotas have it.
pub(super) async fn take(
    connection: &mut PgConnection,
    blob: &NewBlob,
    change: Change,
) -> Result<(), StoreError<ReserveRefusal>> {
    let quotas = blob.quotas;
    let space = sqlx::query_as!(
        Used,
        "UPDATE blob_spaces SET bytes = bytes + $2, blobs = blobs + $3 WHERE space_no = $1 RETURNING bytes, blobs",
        blob.space.0,
        change.bytes,
        change.blobs,
    )
    .fetch_one(&mut *connection)
    .await?;
    space.within(quotas.space_bytes, quotas.blobs)?;
    let account = sqlx::query_as!(
        Used,
        "UPDATE blob_accounts SET bytes = bytes + $2, blobs = blobs + $3 WHERE account_id = $1 RETURNING bytes, blobs",
        &blob.account.as_bytes()[..],
        change.bytes,
        change.blobs,
    )
    .fetch_one(connection)
    .await?;
    account.within(quotas.account_bytes, quotas.blobs)
}

/// Gives room back: `change` is not above zero.
pub(super) async fn give_back(
    connection: &mut PgConnection,
    blob: &BlobRow,
    change: Change,
) -> Result<(), StoreFailure> {
    change_space(&mut *connection, blob.space, change).await?;
    change_account(connection, blob.account, change).await
}

async fn change_space(
    connection: &mut PgConnection,
    space: SpaceNumber,
    change: Change,
) -> Result<(), StoreFailure> {
    let updated = sqlx::query!(
        "UPDATE blob_spaces SET bytes = bytes + $2, blobs = blobs + $3 WHERE space_no = $1",
        space.0,
        change.bytes,
        change.blobs,
    )
    .execute(connection)
    .await?;
    expect_rows("what a space uses", 1, &updated)
}

async fn change_account(
    connection: &mut PgConnection,
    account: AccountId,
    change: Change,
) -> Result<(), StoreFailure> {
    let updated = sqlx::query!(
        "UPDATE blob_accounts SET bytes = bytes + $2, blobs = blobs + $3 WHERE account_id = $1",
        &account.as_bytes()[..],
        change.bytes,
        change.blobs,
    )
    .execute(connection)
    .await?;
    expect_rows("what an account uses", 1, &updated)
}

struct Used {
    bytes: i64,
    blobs: i64,
}

impl Used {
    fn within(&self, bytes: u64, blobs: u64) -> Result<(), StoreError<ReserveRefusal>> {
        let met = [(self.bytes, bytes), (self.blobs, blobs)];
        let over = met
            .into_iter()
            .find(|(used, limit)| used.cast_unsigned() > *limit);
        over.map_or(Ok(()), |(_, limit)| {
            Err(StoreError::Refused(ReserveRefusal::Quota { limit }))
        })
    }
}
