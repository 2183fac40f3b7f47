//! The same Postgres without a relay: what it could do.

use std::{env, path::PathBuf};

use anyhow::{Context, Result};
use sealpost_tests::database::OwnPostgres;
use sqlx::{Connection, Executor, PgConnection};

/// The database that the limits are measured in, beside the relay's.
const NAME: &str = "limits";

/// The rows of the bare prototype: nothing but the place and the bytes.
const PROTOTYPE: &str =
    "CREATE TABLE prototype (space_no bigint NOT NULL, seq bigint NOT NULL, entry bytea NOT NULL,
    PRIMARY KEY (space_no, seq));
    ALTER TABLE prototype ALTER COLUMN entry SET STORAGE EXTERNAL";

/// A database with the relay's schema that no relay uses.
#[derive(Clone, Debug)]
pub struct Limits {
    url: String,
    maintenance: String,
}

impl Limits {
    /// Makes it.
    pub async fn prepare(postgres: &OwnPostgres) -> Result<Self> {
        let limits = Self {
            url: postgres.superuser_url(NAME),
            maintenance: postgres.superuser_url("postgres"),
        };
        let mut maintenance = PgConnection::connect(&limits.maintenance).await?;
        maintenance.execute("CREATE DATABASE limits").await?;
        sealpost_migrations::run(&limits.url)
            .await
            .context("migrating the database of the limits")?;
        limits.connect().await?.execute(sqlx::raw_sql(PROTOTYPE)).await?;
        Ok(limits)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to it.
    pub async fn connect(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.url).await?)
    }

    /// Writes everything to the tables, so that each measurement begins with the same debt: none.
    pub async fn checkpoint(&self) -> Result<()> {
        self.connect().await?.execute("CHECKPOINT").await?;
        Ok(())
    }

    /// Empties both tables.
    pub async fn empty(&self) -> Result<()> {
        self.connect()
            .await?
            .execute("TRUNCATE events, prototype")
            .await?;
        Ok(())
    }
}

/// Where the parts keep their files: the system's folder for temporary files, or `TMPDIR`.
#[must_use]
pub fn data_folder() -> PathBuf {
    env::temp_dir()
}
