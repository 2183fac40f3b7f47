//! What an account, or an agent, leaves behind in spaces when it is deleted.

use sealpost_protocol::ids::AccountId;
use sqlx::PgConnection;

use crate::{blobs::ports::NOBODY, store_failure::StoreFailure};

/// Takes everything out of the tables of spaces that leads to `account_id` or is of use to its principals alone. The spaces
/// that it made stay with their members, under the quota of `estate`. Wraps that it staged for others stay as well: they
/// are those members' keys. To be called before the account's own rows go.
pub(super) async fn hand_over(
    connection: &mut PgConnection,
    account_id: AccountId,
    estate: AccountId,
) -> Result<(), StoreFailure> {
    let account_id = &account_id.as_bytes()[..];
    sqlx::query!(
        "UPDATE spaces SET created_by_account = $2 WHERE created_by_account = $1",
        account_id,
        &estate.as_bytes()[..],
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM members WHERE principal_id IN (SELECT principal_id FROM principals WHERE account_id = $1)",
        account_id,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM wraps WHERE recipient IN (SELECT principal_id FROM principals WHERE account_id = $1)",
        account_id,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM wrap_requests WHERE recipient IN (SELECT principal_id FROM principals WHERE account_id = $1)",
        account_id,
    )
    .execute(&mut *connection)
    .await?;
    hand_over_blobs(connection, account_id, estate).await
}

/// The blobs that it put stay as well, and nobody is named as who did; who manages their spaces can delete them.
async fn hand_over_blobs(
    connection: &mut PgConnection,
    account_id: &[u8],
    estate: AccountId,
) -> Result<(), StoreFailure> {
    let estate = &estate.as_bytes()[..];
    sqlx::query!(
        "UPDATE blobs SET account_id = $2, principal_id = $3 WHERE account_id = $1",
        account_id,
        estate,
        &NOBODY.as_bytes()[..],
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE blob_accounts SET account_id = $2 WHERE account_id = $1",
        account_id,
        estate,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes everything out of the tables of spaces that is of use to these principals alone, as for an account that is deleted.
pub(super) async fn drop_of_principals(
    connection: &mut PgConnection,
    principal_ids: &[Vec<u8>],
) -> Result<(), StoreFailure> {
    sqlx::query!("DELETE FROM members WHERE principal_id = ANY($1)", principal_ids)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM wraps WHERE recipient = ANY($1)", principal_ids)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "DELETE FROM wrap_requests WHERE recipient = ANY($1)",
        principal_ids
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE blobs SET principal_id = $2 WHERE principal_id = ANY($1)",
        principal_ids,
        &NOBODY.as_bytes()[..],
    )
    .execute(connection)
    .await?;
    Ok(())
}
