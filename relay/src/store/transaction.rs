//! Named transactions with retries.

use std::{marker::PhantomData, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use tokio::time::{Instant, timeout};

use super::{
    Store,
    error::from_commit,
    link::{Lent, answered, silent},
};
use crate::store_failure::{StoreError, StoreFailure};

/// How often a transaction is begun before it is given up as a [`StoreFailure::Conflict`].
const MAX_ATTEMPTS: u32 = 10;

/// A transaction in progress. Reads see one snapshot (REPEATABLE READ); a write to a row that another
/// transaction changed meanwhile starts the whole work again.
///
/// `'w` is what the work borrows: that it outlives every `&'t mut Transaction<'w>` is what lets the work's future
/// borrow too. (With an `AsyncFn` the future could not be proven `Send`.)
pub struct Transaction<'w> {
    connection: Lent,
    borrowed_by_work: PhantomData<&'w ()>,
}

impl Transaction<'_> {
    /// The connection, for statements.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// What the work of a transaction returns.
pub type Work<'t, T, R> = BoxFuture<'t, Result<T, StoreError<R>>>;

/// How a named transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Committed,
    /// Rolled back because the work refused.
    Refused,
    /// Rolled back, or in doubt, because the store failed.
    Failed,
}

/// Hears of every transaction, for metrics.
pub trait ObserveTransactions: Send + Sync {
    /// The transaction `name` ended after `attempts` attempts that took `elapsed` together.
    fn transaction_ended(&self, name: &'static str, outcome: Outcome, attempts: u32, elapsed: Duration);
}

/// Takes no notice.
#[derive(Clone, Copy, Debug, Default)]
pub struct IgnoreTransactions;

impl ObserveTransactions for IgnoreTransactions {
    fn transaction_ended(&self, _: &'static str, _: Outcome, _: u32, _: Duration) {}
}

impl Store {
    /// Runs `work` in a transaction and commits what it did, or rolls back if it returns an error. Lost races
    /// (serialization failures, deadlocks) begin `work` anew; so it must change nothing but the database.
    ///
    /// # Errors
    /// What `work` refused, or how the store failed.
    pub async fn run_tx<'w, T, R>(
        &self,
        name: &'static str,
        work: impl for<'t> Fn(&'t mut Transaction<'w>) -> Work<'t, T, R>,
    ) -> Result<T, StoreError<R>> {
        let started = Instant::now();
        let mut attempts = 1;
        let result = loop {
            match self.attempt(&work).await {
                Err(StoreError::Failed(StoreFailure::Conflict(_))) if attempts < MAX_ATTEMPTS => {
                    attempts += 1
                }
                result => break result,
            }
        };
        self.observer
            .transaction_ended(name, outcome(&result), attempts, started.elapsed());
        result
    }

    async fn attempt<'w, T, R>(
        &self,
        work: &impl for<'t> Fn(&'t mut Transaction<'w>) -> Work<'t, T, R>,
    ) -> Result<T, StoreError<R>> {
        let within = self.answer_within;
        let mut transaction = Transaction {
            connection: begin(self, "BEGIN ISOLATION LEVEL REPEATABLE READ").await?,
            borrowed_by_work: PhantomData,
        };
        // On an error the connection is dropped, which rolls the transaction back.
        let worked = timeout(within, work(&mut transaction)).await;
        let value = worked.unwrap_or_else(|_elapsed| Err(silent().into()))?;
        commit(transaction.connection, within).await?;
        Ok(value)
    }
}

/// A connection with an open transaction on it, which ends with [`commit`] or with the connection.
pub(super) async fn begin(store: &Store, statement: &'static str) -> Result<Lent, sqlx::Error> {
    let mut lent = store.pool().lend().await?;
    lent.in_transaction = true;
    answered(store.answer_within, sqlx::raw_sql(statement).execute(&mut *lent)).await?;
    Ok(lent)
}

/// Commits what was begun. Without an answer, nobody knows.
pub(super) async fn commit(mut lent: Lent, within: Duration) -> Result<(), StoreFailure> {
    let committed = answered(within, sqlx::raw_sql("COMMIT").execute(&mut *lent)).await;
    lent.in_transaction = committed.is_err();
    committed.map(drop).map_err(from_commit)
}

fn outcome<T, R>(result: &Result<T, StoreError<R>>) -> Outcome {
    match result {
        Ok(_) => Outcome::Committed,
        Err(StoreError::Refused(_)) => Outcome::Refused,
        Err(StoreError::Failed(_)) => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests;
