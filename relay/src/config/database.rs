//! `[database]`: Postgres.

use std::{io, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{
    error::Problems,
    secret::{Secret, SecretText},
    units,
};

/// `[database]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    url: Option<SecretText>,
    url_file: Option<PathBuf>,
    /// Connections that this relay's pool opens at most; the bus takes four besides.
    #[serde(default = "max_connections")]
    pub max_connections: u32,
    /// For how long to wait for a connection.
    #[serde(
        rename = "acquire_timeout_ms",
        deserialize_with = "units::milliseconds",
        default = "acquire_timeout"
    )]
    pub acquire_timeout: Duration,
    /// For how long one statement may run.
    #[serde(
        rename = "statement_timeout_ms",
        deserialize_with = "units::milliseconds",
        default = "statement_timeout"
    )]
    pub statement_timeout: Duration,
    /// Whether a start brings the schema up to date; otherwise it only checks it.
    #[serde(default = "migrate_on_boot")]
    pub migrate_on_boot: bool,
}

/// Who holds the lock of a space reads on another connection what it missed, beside the lanes.
const FEWEST_CONNECTIONS: u32 = 4;

fn max_connections() -> u32 {
    16
}

fn acquire_timeout() -> Duration {
    Duration::from_secs(5)
}

fn statement_timeout() -> Duration {
    Duration::from_secs(10)
}

fn migrate_on_boot() -> bool {
    true
}

impl DatabaseConfig {
    /// The URL, which may hold a password. Blocks on a small local file.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn url(&self) -> io::Result<SecretText> {
        let secret = Secret::either(self.url.as_ref(), self.url_file.as_ref());
        secret.expect("a checked configuration has exactly one").read()
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        match Secret::either(self.url.as_ref(), self.url_file.as_ref()) {
            Some(secret) => secret.check("database.url", problems),
            None => problems.demand(false, "database.url", "give either url or url_file"),
        }
        problems.demand(
            self.max_connections >= FEWEST_CONNECTIONS,
            "database.max_connections",
            "must be at least 4: an append under a lock takes two",
        );
        for (timeout, key) in [
            (self.acquire_timeout, "database.acquire_timeout_ms"),
            (self.statement_timeout, "database.statement_timeout_ms"),
        ] {
            problems.demand(!timeout.is_zero(), key, "must not be 0");
        }
    }
}
