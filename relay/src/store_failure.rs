//! How a store can fail, for the modules that use one through a port without knowing SQL.

use std::error::Error;

/// The store did not do what it was asked to. No text holds a row's content.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    /// The database does not answer, or no connection came free in time. Nothing was changed: try again later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The connection was lost during the commit: it may have happened or not. Look before trying again.
    #[error("whether the transaction was committed is unknown")]
    CommitUnknown(#[source] Box<dyn Error + Send + Sync>),
    /// The transaction lost a race against others, more often than it was retried. Nothing was changed.
    #[error("the transaction kept losing against others")]
    Conflict(#[source] Box<dyn Error + Send + Sync>),
    /// A write met another number of rows than it must. Nothing was changed; this is a defect, or somebody
    /// edits the database by hand.
    #[error("{write} met {actual} rows instead of {expected}")]
    RowCount {
        /// Which write.
        write: &'static str,
        /// How many rows it must meet.
        expected: u64,
        /// How many it met.
        actual: u64,
    },
    /// A stored row is not what was written. A defect, or somebody edits the database by hand.
    #[error("a stored row of {0} is not well formed")]
    Malformed(&'static str),
    /// The database refused a statement: a defect.
    #[error("the database refused a statement")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a transaction was not committed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError<R> {
    /// The work looked at what is stored and refused; nothing was changed.
    #[error("refused")]
    Refused(R),
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] StoreFailure),
}
