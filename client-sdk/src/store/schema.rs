//! The store's tables, and how an older file is brought up to them.

use rusqlite::{Connection, TransactionBehavior};

use super::{account, ended, log, outbox, uploads};
use crate::error::{Error, StoreError};

/// One step each, in order; `user_version` counts the steps a file has taken. Steps are only ever added.
const STEPS: &[&str] = &[
    account::TABLES,
    log::TABLES,
    outbox::TABLES,
    log::READER_TABLES,
    log::WEIGHT_COLUMN,
    ended::TABLES,
    uploads::TABLES,
    log::INCARNATION_COLUMN,
    log::ASIDE_TABLES,
    account::CHECKPOINT_KEYS,
    log::PROOF_COLUMN,
    log::WEIGHT_RENAMED,
];

/// Brings the file up to the newest schema; all or nothing, whichever process comes first.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(STEPS.len()).expect("there are a few steps");
    if found > known {
        return Err(StoreError::Newer { found, known }.into());
    }
    let taken = usize::try_from(found).unwrap_or_default();
    for step in &STEPS[taken..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}
