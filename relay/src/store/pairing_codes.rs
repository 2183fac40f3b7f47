//! Codes by which one agent each can enroll.

use sealpost_protocol::ids::{AccountId, SessionId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Transaction, accounts, audit};
use crate::{
    directory::ports::{NewAgent, NewAuditEntry, NewPairingCode, PairingRefusal},
    store_failure::StoreError,
};

/// Stores a code and drops the oldest beyond `kept`. Tells until when the code counts: who sends it twice gets the answer
/// to the first.
pub(super) async fn begin(
    tx: &mut Transaction<'_>,
    code: &NewPairingCode,
    kept: u32,
    entry: &NewAuditEntry,
) -> Result<OffsetDateTime, StoreError<PairingRefusal>> {
    let is_there = accounts::hold(tx.connection(), code.account_id).await?
        && is_session_of(tx.connection(), code.account_id, code.session_id).await?;
    if !is_there {
        return Err(StoreError::Refused(PairingRefusal::SessionEnded));
    }
    if !insert(tx.connection(), code).await? {
        let stored = expiry(tx.connection(), code).await?;
        return stored.ok_or(StoreError::Refused(PairingRefusal::TokenTaken));
    }
    drop_beyond(tx.connection(), code.account_id, kept).await?;
    audit::insert(tx.connection(), entry).await?;
    Ok(code.expires_at)
}

/// Deletes the code; `false` if it is not there any more, or past its time.
pub(super) async fn use_up(connection: &mut PgConnection, agent: &NewAgent) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM pairing_codes WHERE token_hash = $1 AND account_id = $2 AND expires_at > $3",
        &agent.token_hash.as_bytes()[..],
        &agent.principal.account_id.as_bytes()[..],
        agent.principal.created_at,
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Voids all codes of an account. To be called while its row is held.
pub(super) async fn void_all(
    connection: &mut PgConnection,
    account_id: AccountId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM pairing_codes WHERE account_id = $1",
        &account_id.as_bytes()[..],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether the session is there, and will be until the transaction ends.
async fn is_session_of(
    connection: &mut PgConnection,
    account_id: AccountId,
    session_id: SessionId,
) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM sessions WHERE account_id = $1 AND session_id = $2 FOR KEY SHARE"#,
        &account_id.as_bytes()[..],
        &session_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await?;
    Ok(locked.is_some())
}

/// Stores a code; `false` if there is one with that token.
async fn insert(connection: &mut PgConnection, code: &NewPairingCode) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "INSERT INTO pairing_codes (token_hash, account_id, session_id, name_sealed, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (token_hash) DO NOTHING",
        &code.token_hash.as_bytes()[..],
        &code.account_id.as_bytes()[..],
        &code.session_id.as_bytes()[..],
        code.name_sealed,
        code.created_at,
        code.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Until when the code with this token counts, if it is of the same account.
async fn expiry(
    connection: &mut PgConnection,
    code: &NewPairingCode,
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT expires_at FROM pairing_codes WHERE token_hash = $1 AND account_id = $2",
        &code.token_hash.as_bytes()[..],
        &code.account_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await
}

/// Drops the oldest codes of an account, until `kept` are left.
async fn drop_beyond(
    connection: &mut PgConnection,
    account_id: AccountId,
    kept: u32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM pairing_codes WHERE token_hash IN (
             SELECT token_hash FROM pairing_codes WHERE account_id = $1
             ORDER BY created_at DESC, token_hash OFFSET $2)",
        &account_id.as_bytes()[..],
        i64::from(kept),
    )
    .execute(connection)
    .await?;
    Ok(())
}
