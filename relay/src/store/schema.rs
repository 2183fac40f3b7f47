//! Which migrations the database has seen.

use sealpost_migrations::AppliedMigration;

use super::Store;
use crate::store_failure::StoreFailure;

struct HistoryRecord {
    version: i32,
    name: String,
    applied_on: String,
    checksum: String,
}

impl Store {
    /// The history of migrations, as it is now. The table is the migration tool's own.
    ///
    /// # Errors
    /// [`StoreFailure`]; also where there is no such table.
    pub async fn schema_history(&self) -> Result<Vec<AppliedMigration>, StoreFailure> {
        let records = sqlx::query_as!(
            HistoryRecord,
            r#"SELECT version, name AS "name!", applied_on AS "applied_on!", checksum AS "checksum!"
               FROM refinery_schema_history ORDER BY version"#,
        )
        .fetch_all(self.pool())
        .await?;
        Ok(records.into_iter().map(HistoryRecord::judged).collect())
    }
}

impl HistoryRecord {
    fn judged(self) -> AppliedMigration {
        AppliedMigration::new(self.version, &self.name, self.applied_on, &self.checksum)
    }
}
