//! The part of [`crate::planted`] that knows SQL.

use super::Store;
use crate::store_failure::StoreFailure;

impl Store {
    /// Leaks `logged`, which is plain text without quotes, into the server's log, and `kept` into a row.
    pub(crate) async fn plant(&self, logged: &str, kept: &[u8]) -> Result<(), StoreFailure> {
        let log = format!("DO $$ BEGIN RAISE LOG '{logged}'; END $$");
        sqlx::raw_sql(sqlx::AssertSqlSafe(log))
            .execute(&self.pool)
            .await?;
        sqlx::raw_sql("CREATE TABLE planted (leak bytea)")
            .execute(&self.pool)
            .await?;
        sqlx::query("INSERT INTO planted VALUES ($1)")
            .bind(kept)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
