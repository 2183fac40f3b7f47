//! Postgres: the only module that knows SQL.
//!
//! One file per table family. Each public operation is one named transaction ([`Store::run_tx`]) that calls
//! small functions over a connection; each query has a row struct of its own; each write checks its row count.
//! What is stored arrives sealed: nothing here ever sees a key or a plaintext.

mod accounts;
mod agents;
mod approvals;
mod attempts;
mod audit;
mod backup;
mod blobs;
mod columns;
mod data_keys;
mod error;
mod estate;
mod event_batch;
mod events;
mod keystores;
mod link;
mod locked_space;
mod pairing_codes;
#[cfg(feature = "planted-leaks")]
mod planted;
mod principals;
mod relay_state;
mod schema;
mod sessions;
mod shreds;
mod snapshots;
mod spaces;
mod staged;
mod tokens;
mod transaction;
mod usage;
mod wrap_requests;
mod wraps;

use std::{convert::Infallible, sync::Arc, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use backup::DatabaseSnapshot;
use link::Link;
pub use transaction::{IgnoreTransactions, ObserveTransactions, Outcome, Transaction, Work};

use crate::store_failure::{StoreError, StoreFailure};

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where it is, as a `postgres://` URL. Never logged.
    pub database_url: String,
    /// The most connections that this process opens.
    pub max_connections: u32,
    /// How long a caller waits for a connection before it is told that the database is unavailable.
    pub acquire_timeout: Duration,
    /// How long one statement may run before the database cancels it.
    pub statement_timeout: Duration,
}

/// A pool of connections to one database. Clones share the pool.
#[derive(Clone)]
pub struct Store {
    pool: PgPool,
    observer: Arc<dyn ObserveTransactions>,
    space_locks: Arc<Semaphore>,
    answer_within: Duration,
}

/// What an answer may take beyond the time that the database gives one statement: a link can be cut without a word. The work of
/// a transaction has no more time than that for all its statements, each of which is bounded in what it does.
const ON_THE_WAY: Duration = Duration::from_secs(5);

impl Store {
    /// Connects once, so that a wrong address shows at once, and opens more connections as they are needed.
    ///
    /// # Errors
    /// [`StoreFailure::Unavailable`] when the database does not answer;
    /// [`StoreFailure::Internal`] when the URL is not one.
    pub async fn connect(
        options: &StoreOptions,
        observer: Arc<dyn ObserveTransactions>,
    ) -> Result<Self, StoreFailure> {
        let pool = link::pool_options()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .connect_with(connect_options(options)?)
            .await?;
        // Who holds the lock of a space needs a second connection to read what it missed.
        let space_locks = usize::try_from(options.max_connections / 4).unwrap_or(1).max(1);
        Ok(Self {
            pool,
            observer,
            space_locks: Arc::new(Semaphore::new(space_locks)),
            answer_within: options.statement_timeout + ON_THE_WAY,
        })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreFailure::Unavailable`] when there is none.
    pub async fn ping(&self) -> Result<(), StoreFailure> {
        sqlx::query!(r#"SELECT 1 AS "one!""#)
            .fetch_one(self.pool())
            .await?;
        Ok(())
    }

    /// The pool, for a single statement that needs no transaction, and for metrics.
    pub(crate) fn pool(&self) -> Link<'_> {
        Link {
            pool: &self.pool,
            answer_within: self.answer_within,
        }
    }

    /// The right to hold, or wait for, the lock of one space.
    async fn lock_permit(&self) -> OwnedSemaphorePermit {
        let permits = Arc::clone(&self.space_locks);
        permits
            .acquire_owned()
            .await
            .expect("the semaphore is never closed")
    }

    /// Lets the statements in flight end and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn connect_options(options: &StoreOptions) -> Result<PgConnectOptions, StoreFailure> {
    let parsed: PgConnectOptions = options.database_url.parse()?;
    let timeout = options.statement_timeout.as_millis().to_string();
    Ok(parsed.application_name("sealpost-relay").options([
        ("statement_timeout", timeout.as_str()),
        ("idle_in_transaction_session_timeout", timeout.as_str()),
        ("timezone", "UTC"),
    ]))
}

/// The result of a transaction that has no reason to refuse.
async fn infallible<T>(
    transaction: impl Future<Output = Result<T, StoreError<Infallible>>>,
) -> Result<T, StoreFailure> {
    transaction.await.map_err(|error| match error {
        StoreError::Failed(failure) => failure,
        StoreError::Refused(never) => match never {},
    })
}

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
pub(crate) mod testing;
