//! Versioned SQL, and the one crate that runs it.
//!
//! The files in `sql/` are embedded. They are only ever added to: an applied migration whose text has changed
//! is refused. (Until 1.0 they may be squashed, with a note in the change log.)
//!
//! Every entry point holds a session-level advisory lock while it looks or runs, so that replicas that start
//! at the same time take turns; waiting for it, as for any lock a migration needs, is bounded by
//! [`LOCK_TIMEOUT`].
//!
//! The database is given by its URL. Of its TLS settings (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`, and libpq's
//! variables for them) all hold here as they do for the relay's pool.

mod error;
mod session;
mod status;
mod target;
mod tls;

use std::time::Duration;

pub use error::Error;
pub use session::{LOCK_KEY, LOCK_TIMEOUT};
pub use status::{AppliedMigration, Status};

mod embedded {
    refinery::embed_migrations!("sql");
}

/// The history table is the migration tool's own, so that no file in `sql/` can describe it.
const HISTORY_COMMENTS: &str = "
    COMMENT ON TABLE refinery_schema_history IS 'Which migrations have run; kept by the migration tool.';
    COMMENT ON COLUMN refinery_schema_history.version IS 'Number of the migration.';
    COMMENT ON COLUMN refinery_schema_history.name IS 'Name of the migration, from its file.';
    COMMENT ON COLUMN refinery_schema_history.applied_on IS 'When it ran, RFC 3339, UTC.';
    COMMENT ON COLUMN refinery_schema_history.checksum IS 'Hash of number, name and text.';
";

/// The schema version that this build brings and expects.
#[must_use]
pub fn latest_version() -> i32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(refinery::Migration::version)
        .max()
        .unwrap_or(0)
}

/// Brings the database up to [`latest_version`] and returns the names of the migrations that ran, in order.
///
/// # Errors
/// [`Error::Newer`] and nothing changed if the database is ahead of this build; [`Error::Locked`] if another
/// process held a lock for too long.
pub async fn run(database_url: &str) -> Result<Vec<String>, Error> {
    run_within(database_url, LOCK_TIMEOUT).await
}

/// As [`run`], with another limit for the wait for each lock.
///
/// # Errors
/// As [`run`].
pub async fn run_within(database_url: &str, lock_timeout: Duration) -> Result<Vec<String>, Error> {
    let mut session = session::Session::open(database_url, lock_timeout).await?;
    status::read(&mut session).await?.refuse_unknown()?;
    let report = embedded::migrations::runner().run_async(session.client()).await?;
    session.client().batch_execute(HISTORY_COMMENTS).await?;
    let applied: Vec<_> = report
        .applied_migrations()
        .iter()
        .map(ToString::to_string)
        .collect();
    tracing::info!(migrations.count = applied.len(), "database schema is up to date");
    Ok(applied)
}

/// Tells which migrations have run and which are pending; changes nothing.
///
/// # Errors
/// When the database cannot be asked.
pub async fn status(database_url: &str) -> Result<Status, Error> {
    let mut session = session::Session::open(database_url, LOCK_TIMEOUT).await?;
    status::read(&mut session).await
}

/// Succeeds only if the schema is exactly the one that this build expects; changes nothing.
///
/// # Errors
/// [`Error::Newer`], [`Error::Pending`] or [`Error::Divergent`], each naming the versions.
pub async fn verify(database_url: &str) -> Result<(), Error> {
    status(database_url).await?.verify()
}
