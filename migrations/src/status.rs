//! What has run and what is pending.

use crate::session::Session;
use crate::{Error, embedded, latest_version};

/// The state of a database's schema against this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What has run, in order.
    pub applied: Vec<AppliedMigration>,
    /// Names of the migrations that would run now, in order.
    pub pending: Vec<String>,
    /// The highest version that this build brings.
    pub known: i32,
}

/// One migration that has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its number.
    pub version: i32,
    /// Its full name, as `V1__relay_state`.
    pub name: String,
    /// When it ran, RFC 3339, UTC.
    pub applied_on: String,
    /// Whether this build has it with the same name and text.
    pub recognised: bool,
}

impl AppliedMigration {
    /// A row of the history table. Also for who has read it on a connection of their own.
    #[must_use]
    pub fn new(version: i32, name: &str, applied_on: String, checksum: &str) -> Self {
        let runner = embedded::migrations::runner();
        let recognised = runner.get_migrations().iter().any(|known| {
            known.version() == version && known.name() == name && known.checksum().to_string() == checksum
        });
        Self {
            version,
            name: format!("V{version}__{name}"),
            applied_on,
            recognised,
        }
    }
}

impl Status {
    /// The status of a database with this history.
    #[must_use]
    pub fn of(applied: Vec<AppliedMigration>) -> Self {
        let runner = embedded::migrations::runner();
        let is_pending =
            |known: &&refinery::Migration| applied.iter().all(|applied| applied.version != known.version());
        let mut pending: Vec<_> = runner.get_migrations().iter().filter(is_pending).collect();
        pending.sort_by_key(|migration| migration.version()); // they come by name, V10 before V2
        Self {
            pending: pending.into_iter().map(ToString::to_string).collect(),
            known: latest_version(),
            applied,
        }
    }

    /// Succeeds only if the schema is exactly the one that this build expects.
    ///
    /// # Errors
    /// [`Error::Newer`], [`Error::Pending`] or [`Error::Divergent`], each naming the versions.
    pub fn verify(&self) -> Result<(), Error> {
        self.refuse_unknown()?;
        self.refuse_pending()
    }

    /// The highest version that was applied; 0 for none.
    #[must_use]
    pub fn database_version(&self) -> i32 {
        self.applied
            .iter()
            .map(|applied| applied.version)
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn refuse_unknown(&self) -> Result<(), Error> {
        let (database, known) = (self.database_version(), self.known);
        if database > known {
            return Err(Error::Newer { database, known });
        }
        match self.applied.iter().find(|applied| !applied.recognised) {
            Some(applied) => Err(Error::Divergent(applied.name.clone())),
            None => Ok(()),
        }
    }

    fn refuse_pending(&self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        Err(Error::Pending {
            database: self.database_version(),
            known: self.known,
        })
    }
}

/// Reads the history table, which a fresh database does not have.
pub(crate) async fn read(session: &mut Session) -> Result<Status, Error> {
    Ok(Status::of(read_applied(session).await?))
}

async fn read_applied(session: &mut Session) -> Result<Vec<AppliedMigration>, Error> {
    const EXISTS: &str = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    const HISTORY: &str =
        "SELECT version, name, applied_on, checksum FROM refinery_schema_history ORDER BY version";
    if !session
        .client()
        .query_one(EXISTS, &[])
        .await?
        .try_get::<_, bool>(0)?
    {
        return Ok(Vec::new());
    }
    let rows = session.client().query(HISTORY, &[]).await?;
    rows.iter()
        .map(|row| applied_from(row).map_err(Error::from))
        .collect()
}

fn applied_from(row: &tokio_postgres::Row) -> Result<AppliedMigration, tokio_postgres::Error> {
    let (name, checksum): (String, String) = (row.try_get(1)?, row.try_get(3)?);
    Ok(AppliedMigration::new(
        row.try_get(0)?,
        &name,
        row.try_get(2)?,
        &checksum,
    ))
}
