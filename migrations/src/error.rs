//! Why a schema could not be brought up to date or is not the expected one.

use std::borrow::Cow;

use refinery::error::Kind;
use tokio_postgres::error::SqlState;

/// A migration run or check failed. No text holds the database URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database does not answer, or refuses us.
    #[error("the database cannot be reached")]
    Connect(#[source] tokio_postgres::Error),
    /// The settings for TLS cannot be followed.
    #[error("TLS to the database: {0}")]
    Tls(Cow<'static, str>),
    /// Somebody else held the migration lock, or a lock on a table, for longer than we wait.
    #[error("another process holds a lock that migrations need; is one still running?")]
    Locked,
    /// The database was migrated by a newer relay. Run that one, or restore an older backup.
    #[error("the database has schema version {database}, this build knows {known}")]
    Newer {
        /// The highest version that was applied.
        database: i32,
        /// The highest version this build brings.
        known: i32,
    },
    /// Migrations are waiting to be run.
    #[error("the database has schema version {database}, this build needs {known}: migrate first")]
    Pending {
        /// The highest version that was applied; 0 for none.
        database: i32,
        /// The highest version this build brings.
        known: i32,
    },
    /// An applied migration is not the one of the same number in this build.
    #[error("migration {0} was applied with another text or name than this build has")]
    Divergent(String),
    /// A statement failed. The migration it belongs to was rolled back.
    #[error("a migration failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            Self::Locked
        } else {
            Self::Failed(Box::new(error))
        }
    }
}

impl From<refinery::Error> for Error {
    fn from(error: refinery::Error) -> Self {
        match error.kind() {
            Kind::DivergentVersion(applied, _) => Self::Divergent(applied.to_string()),
            Kind::Connection(_, cause) if is_lock_timeout(cause.as_ref()) => Self::Locked,
            _ => Self::Failed(Box::new(error)),
        }
    }
}

fn is_lock_timeout(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    cause
        .downcast_ref::<tokio_postgres::Error>()
        .is_some_and(|error| error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
}
