//! From the errors of sqlx to what a caller can do about them.

use crate::store_failure::{StoreError, StoreFailure};

impl<R> From<sqlx::Error> for StoreError<R> {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<sqlx::Error> for StoreFailure {
    fn from(error: sqlx::Error) -> Self {
        if is_lost_race(&error) {
            Self::Conflict(Box::new(error))
        } else if is_unavailable(&error) {
            Self::Unavailable(Box::new(error))
        } else {
            Self::Internal(Box::new(error))
        }
    }
}

/// The failure of a commit: where the server did not answer, or answered that it is shutting down, nobody knows.
pub(super) fn from_commit(error: sqlx::Error) -> StoreFailure {
    let is_rolled_back = sql_state(&error).is_some_and(|code| is_refusal(&code));
    match StoreFailure::from(error) {
        StoreFailure::Unavailable(cause) if !is_rolled_back => StoreFailure::CommitUnknown(cause),
        failure => failure,
    }
}

/// SQLSTATE class 53 (no resources: a full disk, say), 57014 (cancelled by the time limit), 25006 (a standby): an answer
/// that means that nothing was committed. The limit does not reach into a commit.
fn is_refusal(code: &str) -> bool {
    code.starts_with("53") || matches!(code, "57014" | "25006")
}

/// The constraint that a statement violated, if that is why it failed.
pub(super) fn violated_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}

/// Refuses a write that met another number of rows than it must.
pub(super) fn expect_rows(
    write: &'static str,
    expected: u64,
    result: &sqlx::postgres::PgQueryResult,
) -> Result<(), StoreFailure> {
    let actual = result.rows_affected();
    if actual == expected {
        Ok(())
    } else {
        Err(StoreFailure::RowCount {
            write,
            expected,
            actual,
        })
    }
}

/// SQLSTATE 40001 (serialization failure) and 40P01 (deadlock): the same transaction may succeed next time.
fn is_lost_race(error: &sqlx::Error) -> bool {
    matches!(sql_state(error).as_deref(), Some("40001" | "40P01"))
}

/// No answer, or SQLSTATE class 08 (connection), 53 (resources), 57 (shutting down, cancelled), 25006 (a standby).
fn is_unavailable(error: &sqlx::Error) -> bool {
    use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Tls, WorkerCrashed};
    match error {
        Io(_) | Tls(_) | PoolTimedOut | PoolClosed | WorkerCrashed => true,
        _ => sql_state(error).is_some_and(|code| {
            ["08", "53", "57", "25006"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
    }
}

fn sql_state(error: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    error.as_database_error()?.code()
}
