use sealpost_protocol::ids::PrincipalId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Store, error::expect_rows};
use crate::{
    directory::ports::{NewPrincipal, PrincipalStore, Stored},
    store_failure::StoreFailure,
};

impl PrincipalStore for Store {
    fn manifest(&self, principal_id: PrincipalId) -> Stored<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            Ok(sqlx::query_scalar!(
                "SELECT manifest_sealed FROM principals WHERE principal_id = $1 AND revoked_at IS NULL",
                &principal_id.as_bytes()[..],
            )
            .fetch_optional(self.pool())
            .await?)
        })
    }
}

/// Stores a principal; `false` if there is one with that id.
pub(super) async fn insert(
    connection: &mut PgConnection,
    principal: &NewPrincipal,
) -> Result<bool, StoreFailure> {
    let inserted = sqlx::query!(
        "INSERT INTO principals (principal_id, account_id, manifest_sealed, created_at)
         VALUES ($1, $2, $3, $4) ON CONFLICT (principal_id) DO NOTHING",
        &principal.principal_id.as_bytes()[..],
        &principal.account_id.as_bytes()[..],
        principal.manifest_sealed,
        principal.created_at,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Revokes a principal that counted until now. It stays known: who has its keys must not be able to register it again.
pub(super) async fn revoke(
    connection: &mut PgConnection,
    principal_id: PrincipalId,
    at: OffsetDateTime,
) -> Result<(), StoreFailure> {
    let updated = sqlx::query!(
        "UPDATE principals SET revoked_at = $2 WHERE principal_id = $1 AND revoked_at IS NULL",
        &principal_id.as_bytes()[..],
        at,
    )
    .execute(connection)
    .await?;
    expect_rows("revoke a principal", 1, &updated)
}
