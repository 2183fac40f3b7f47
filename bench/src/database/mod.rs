//! Postgres as somebody beside the relay sees it, who may do anything there.

mod ballast;

use std::collections::BTreeMap;

use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub use self::ballast::Ballast;

/// A connection to one database, as the superuser.
pub struct Session(PgConnection);

/// What the table of events takes on the disk.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Its rows.
    pub table: i64,
    /// Its indexes.
    pub indexes: i64,
}

impl Session {
    /// Connects.
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self(PgConnection::connect(url).await?))
    }

    /// Hangs up.
    pub async fn close(self) -> Result<()> {
        Ok(self.0.close().await?)
    }

    /// The name of the database.
    pub async fn name(&mut self) -> Result<String> {
        let name = sqlx::query_scalar("SELECT current_database()::text");
        Ok(name.fetch_one(&mut self.0).await?)
    }

    /// Copies another database that nobody uses, file by file: through the log of Postgres it would take twice the room.
    pub async fn copy(&mut self, from: &str, to: &str) -> Result<()> {
        self.order(format!("CREATE DATABASE {to} TEMPLATE {from} STRATEGY file_copy"))
            .await
    }

    /// Removes another database.
    pub async fn remove(&mut self, database: &str) -> Result<()> {
        self.order(format!("DROP DATABASE {database} WITH (FORCE)")).await
    }

    /// Leaves nothing for the database to do behind the measurement's back; tells how large its events are.
    pub async fn settle(&mut self) -> Result<Sizes> {
        sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut self.0).await?;
        let sizes = sqlx::query_as("SELECT pg_table_size('events'), pg_indexes_size('events')");
        let (table, indexes) = sizes.fetch_one(&mut self.0).await?;
        Ok(Sizes { table, indexes })
    }

    /// How many events and spaces there are, ballast or not.
    pub async fn count(&mut self) -> Result<(i64, i64)> {
        let counted = sqlx::query_as("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM spaces)");
        Ok(counted.fetch_one(&mut self.0).await?)
    }

    /// The rows of every table.
    pub async fn rows(&mut self) -> Result<BTreeMap<String, i64>> {
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
                .fetch_all(&mut self.0)
                .await?;
        let mut rows = BTreeMap::new();
        for table in tables {
            // The name is the catalogue's own.
            let count = AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\""));
            let count = sqlx::query_scalar(count).fetch_one(&mut self.0).await?;
            rows.insert(table, count);
        }
        Ok(rows)
    }

    /// Made of our own constants.
    async fn order(&mut self, statement: String) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut self.0)
            .await?;
        Ok(())
    }
}
