use sqlx::PgConnection;

use super::error::expect_rows;
use crate::{directory::ports::NewAuditEntry, store_failure::StoreFailure};

/// Adds an entry, in the transaction of what it tells.
pub(super) async fn insert(connection: &mut PgConnection, entry: &NewAuditEntry) -> Result<(), StoreFailure> {
    let inserted = sqlx::query!(
        "INSERT INTO audit_log (entry_id, account_id, action, details_sealed, created_at)
         VALUES ($1, $2, $3, $4, $5)",
        &entry.entry_id.as_bytes()[..],
        entry.account_id.as_ref().map(|id| &id.as_bytes()[..]),
        entry.action.as_str(),
        entry.details_sealed.as_deref(),
        entry.created_at,
    )
    .execute(connection)
    .await?;
    expect_rows("insert into audit_log", 1, &inserted)
}
