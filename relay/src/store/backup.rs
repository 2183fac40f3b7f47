//! What a backup and a restore ask of the database.

use futures_util::TryStreamExt;
use sealpost_protocol::ids::{Incarnation, SpaceId};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::{Store, data_keys::DataKeyRecord};
use crate::{atrest::WrappedDataKey, store_failure::StoreFailure};

/// One moment of the database, which others can be shown by its name as long as this lives.
pub struct DatabaseSnapshot {
    connection: PgConnection,
    name: String,
}

impl DatabaseSnapshot {
    /// Takes a connection of its own: a dump may last longer than any statement of a relay.
    ///
    /// # Errors
    /// [`StoreFailure`].
    pub async fn open(database_url: &str) -> Result<Self, StoreFailure> {
        let options: PgConnectOptions = database_url.parse()?;
        let mut connection = PgConnection::connect_with(&options.application_name("sealpost-backup")).await?;
        sqlx::raw_sql(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL timezone = 'UTC'",
        )
        .execute(&mut connection)
        .await?;
        let name = sqlx::query_scalar!(r#"SELECT pg_export_snapshot() AS "name!""#)
            .fetch_one(&mut connection)
            .await?;
        Ok(Self { connection, name })
    }

    /// The name by which `pg_dump` sees the same moment.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The newest migration that has run; 0 for none.
    ///
    /// # Errors
    /// [`StoreFailure`].
    pub async fn schema_version(&mut self) -> Result<i32, StoreFailure> {
        let version = sqlx::query_scalar!("SELECT max(version) FROM refinery_schema_history")
            .fetch_one(&mut self.connection)
            .await?;
        Ok(version.unwrap_or(0))
    }

    /// Which life of the database it is; `None` before the first.
    ///
    /// # Errors
    /// [`StoreFailure`].
    pub async fn incarnation(&mut self) -> Result<Option<Incarnation>, StoreFailure> {
        let bytes = sqlx::query_scalar!(r#"SELECT incarnation AS "id: [u8; 16]" FROM relay_state"#)
            .fetch_optional(&mut self.connection)
            .await?;
        Ok(bytes.map(Incarnation::new))
    }

    /// Shows every data key.
    ///
    /// # Errors
    /// [`StoreFailure`].
    pub async fn data_keys(&mut self, mut each: impl FnMut(WrappedDataKey)) -> Result<(), StoreFailure> {
        let mut records = sqlx::query_as!(
            DataKeyRecord,
            r#"SELECT data_key_id AS "data_key_id: [u8; 16]", scope, space_no, wrapped FROM data_keys"#,
        )
        .fetch(&mut self.connection);
        while let Some(record) = records.try_next().await? {
            each(WrappedDataKey::try_from(record)?);
        }
        Ok(())
    }

    /// Shows the head of every space that has entries, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreFailure`].
    pub async fn heads(&mut self, mut each: impl FnMut(SpaceId, u64, [u8; 32])) -> Result<(), StoreFailure> {
        let mut records = sqlx::query!(
            r#"SELECT space_id AS "space_id!: [u8; 32]", head.seq AS "seq!", head.root AS "root!: [u8; 32]"
               FROM spaces CROSS JOIN LATERAL
                   (SELECT seq, root FROM events WHERE events.space_no = spaces.space_no ORDER BY seq DESC LIMIT 1) head
               ORDER BY space_id"#,
        )
        .fetch(&mut self.connection);
        while let Some(record) = records.try_next().await? {
            let seq = u64::try_from(record.seq).map_err(|_| StoreFailure::Malformed("events"))?;
            each(SpaceId::new(record.space_id), seq, record.root);
        }
        Ok(())
    }

    /// Bytes of all tables without their indexes: what a dump holds, before it is compressed.
    ///
    /// # Errors
    /// [`StoreFailure`].
    pub async fn table_bytes(&mut self) -> Result<u64, StoreFailure> {
        let bytes = sqlx::query_scalar!(
            r#"SELECT coalesce(sum(pg_table_size(pg_class.oid)), 0)::bigint AS "bytes!"
               FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
               WHERE relkind = 'r' AND nspname = 'public'"#,
        )
        .fetch_one(&mut self.connection)
        .await?;
        u64::try_from(bytes).map_err(|_| StoreFailure::Malformed("pg_class"))
    }
}

impl Store {
    /// Tables, views and sequences that anybody has made: none in a database that a restore may fill.
    ///
    /// # Errors
    /// [`StoreFailure`].
    pub async fn count_relations(&self) -> Result<i64, StoreFailure> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
               WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname <> 'information_schema' AND nspname !~ '^pg_'"#,
        );
        Ok(count.fetch_one(self.pool()).await?)
    }
}
