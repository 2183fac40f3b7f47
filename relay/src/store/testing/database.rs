use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection, PgConnection};

use super::cluster::{Cluster, TEMPLATE, execute};
use crate::store::{IgnoreTransactions, Store, StoreOptions};

/// A migrated database of a test's own.
pub struct TestDatabase {
    url: String,
}

impl TestDatabase {
    /// A copy of the migrated template.
    pub async fn migrated() -> Self {
        Self::copy_of(TEMPLATE).await
    }

    /// A database with nothing in it.
    pub async fn empty() -> Self {
        Self::copy_of("template0").await
    }

    async fn copy_of(template: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let cluster = tokio::task::spawn_blocking(Cluster::get).await.unwrap();
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&cluster.maintenance_url).await.unwrap();
        execute(
            &mut connection,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        Self {
            url: cluster.url(&name),
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A store on it, with a pool of its own.
    pub async fn store(&self) -> Store {
        let options = StoreOptions {
            database_url: self.url.clone(),
            max_connections: 8,
            acquire_timeout: Duration::from_secs(20),
            statement_timeout: Duration::from_secs(20),
        };
        Store::connect(&options, Arc::new(IgnoreTransactions))
            .await
            .unwrap()
    }

    /// Runs a statement, as somebody would who edits the database by hand.
    pub async fn execute(&self, statement: impl Into<String>) {
        execute(&mut self.connect().await, statement.into()).await;
    }

    /// Runs a query whose one column is text.
    pub async fn texts(&self, query: impl Into<String>) -> Vec<String> {
        let query = sqlx::AssertSqlSafe(query.into());
        sqlx::query_scalar(query)
            .fetch_all(&mut self.connect().await)
            .await
            .unwrap()
    }

    /// Every row of every table, as text: byte columns as hex.
    pub async fn dump(&self) -> String {
        let mut dump = Vec::new();
        for table in self
            .texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .await
        {
            dump.extend(self.texts(format!("SELECT t::text FROM {table} t")).await);
        }
        dump.join("\n")
    }

    /// Locks the rows of a query until what this returns is dropped.
    pub async fn hold_rows(&self, query: &'static str) -> PgConnection {
        let mut connection = self.connect().await;
        execute(&mut connection, "BEGIN".to_owned()).await;
        execute(&mut connection, query.to_owned()).await;
        connection
    }

    /// Runs a statement on a connection that holds rows, and commits.
    pub async fn finish(&self, mut held: PgConnection, statement: impl Into<String>) {
        execute(&mut held, statement.into()).await;
        execute(&mut held, "COMMIT".to_owned()).await;
    }

    /// Returns once so many connections wait for a lock.
    pub async fn until_waiting(&self, connections: usize) {
        let waiting = "SELECT pid::text FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while self.texts(waiting).await.len() < connections {}
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }
}
