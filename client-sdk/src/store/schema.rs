//! The store's tables, and how an older file is brought up to them.

use rusqlite::{Connection, TransactionBehavior};

use super::{account, ended, log, outbox, uploads};
use crate::error::{Error, StoreError};

/// What brings a file one version on.
enum Step {
    Sql(&'static str),
    Work(fn(&Connection) -> Result<(), Error>),
}

/// One step each, in order; `user_version` counts the steps a file has taken. Steps are only ever added.
const STEPS: &[Step] = &[
    Step::Sql(account::TABLES),
    Step::Sql(log::TABLES),
    Step::Sql(outbox::TABLES),
    Step::Sql(log::READER_TABLES),
    Step::Sql(log::WEIGHT_COLUMN),
    Step::Sql(ended::TABLES),
    Step::Sql(uploads::TABLES),
    Step::Sql(log::INCARNATION_COLUMN),
    Step::Sql(log::ASIDE_TABLES),
    Step::Sql(account::CHECKPOINT_KEYS),
    Step::Sql(log::PROOF_COLUMN),
    Step::Sql(log::WEIGHT_RENAMED),
    Step::Work(log::into_segments),
];

/// Brings the file up to the newest schema; all or nothing, whichever process comes first.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    take(connection, STEPS)
}

fn take(connection: &mut Connection, steps: &[Step]) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(steps.len()).expect("there are a few steps");
    if found > known {
        return Err(StoreError::Newer { found, known }.into());
    }
    let taken = usize::try_from(found).unwrap_or_default();
    for step in &steps[taken..] {
        match step {
            Step::Sql(sql) => transaction.execute_batch(sql)?,
            Step::Work(work) => work(&transaction)?,
        }
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests;
