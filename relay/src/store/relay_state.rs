use sealpost_protocol::ids::Incarnation;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Store, infallible};
use crate::directory::ports::{RelaySecret, RelayStateStore, Stored};

impl RelayStateStore for Store {
    fn incarnation(&self, candidate: Incarnation, now: OffsetDateTime) -> Stored<'_, Incarnation> {
        Box::pin(infallible(self.run_tx("incarnation", move |tx| {
            Box::pin(async move {
                // Read first: the backup job may write nothing.
                if let Some(known) = known_incarnation(tx.connection()).await? {
                    return Ok(known);
                }
                sqlx::query!(
                    "INSERT INTO relay_state (incarnation, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    &candidate.as_bytes()[..],
                    now,
                )
                .execute(tx.connection())
                .await?;
                let begun = known_incarnation(tx.connection()).await?;
                Ok(begun.ok_or(sqlx::Error::RowNotFound)?)
            })
        })))
    }

    fn secret(&self, secret: RelaySecret) -> Stored<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            Ok(
                sqlx::query_scalar!("SELECT sealed FROM relay_secrets WHERE name = $1", secret.name())
                    .fetch_optional(self.pool())
                    .await?,
            )
        })
    }

    fn insert_secret_if_absent<'a>(
        &'a self,
        secret: RelaySecret,
        sealed: &'a [u8],
        now: OffsetDateTime,
    ) -> Stored<'a, Vec<u8>> {
        Box::pin(infallible(self.run_tx("insert_secret", move |tx| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO relay_secrets (name, sealed, created_at) VALUES ($1, $2, $3)
                     ON CONFLICT DO NOTHING",
                    secret.name(),
                    sealed,
                    now,
                )
                .execute(tx.connection())
                .await?;
                let stored =
                    sqlx::query_scalar!("SELECT sealed FROM relay_secrets WHERE name = $1", secret.name())
                        .fetch_one(tx.connection())
                        .await?;
                Ok(stored)
            })
        })))
    }
}

async fn known_incarnation(connection: &mut PgConnection) -> Result<Option<Incarnation>, sqlx::Error> {
    let bytes = sqlx::query_scalar!(r#"SELECT incarnation AS "id: [u8; 16]" FROM relay_state"#)
        .fetch_optional(connection)
        .await?;
    Ok(bytes.map(Incarnation::new))
}
