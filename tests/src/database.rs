//! Postgres.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use sealpost_relay::embedded::{Postgres, PostgresOptions, Tools};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::{folders, process, process_wide};

/// The migrated database that the tests' own are copied from.
const TEMPLATE: &str = "template_migrated";

/// A migrated database of a test's own.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// A fresh one, in the Postgres that all tests of this process share.
    pub async fn create() -> Self {
        Self::copy_of(TEMPLATE).await
    }

    /// One with nothing in it, as a restore wants it.
    pub async fn empty() -> Self {
        Self::copy_of("template0").await
    }

    /// Another one with all that is in it. No one may be connected to it.
    ///
    /// # Panics
    /// When somebody is.
    pub async fn copy(&self) -> Self {
        Self::copy_of(&self.name).await
    }

    async fn copy_of(template: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let shared = tokio::task::spawn_blocking(Shared::get).await.unwrap();
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut maintenance = connect(&shared.url("postgres")).await;
        execute(
            &mut maintenance,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        Self {
            url: shared.url(&name),
            name,
        }
    }

    /// Where it is, as the superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection, for looking at rows or spoiling them.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url).await
    }

    /// Everything in it, as `pg_dump` writes it: byte columns as hex.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        dump(&self.url)
    }
}

fn dump(url: &str) -> Vec<u8> {
    let mut command = Command::new(Tools::locate().postgres("pg_dump").unwrap());
    let output = command.arg(url).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A Postgres of a test's own, which it may kill.
#[derive(Debug)]
pub struct OwnPostgres {
    place: Place,
    postgres: Postgres,
}

/// A cluster whose server was killed.
#[derive(Debug)]
pub struct DeadPostgres(Place);

/// Where a cluster lies.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    _removed_at_the_end: Option<TempDir>,
}

impl OwnPostgres {
    /// A new cluster with the relay's empty database.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            folder: folder.path().to_owned(),
            _removed_at_the_end: Some(folder),
        };
        Self::start_at(place).await
    }

    /// A cluster in a folder that stays.
    pub async fn start_below(folder: PathBuf) -> Self {
        let place = Place {
            folder,
            _removed_at_the_end: None,
        };
        Self::start_at(place).await
    }

    async fn start_at(place: Place) -> Self {
        let postgres = start(&place.folder, true).await;
        Self { place, postgres }
    }

    /// The relay's database, as the relay's role. It stays the same through [`Self::kill_9_and_restart`].
    #[must_use]
    pub fn url(&self) -> String {
        self.postgres.url()
    }

    /// Any database of it, as the superuser.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        self.postgres.superuser_url(database)
    }

    /// Everything in the relay's database, as `pg_dump` writes it: byte columns as hex.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        dump(&self.url())
    }

    /// Where its files are: the cluster in `data`, the log in `server.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// Where its socket is, for a proxy in front of it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.postgres.socket()
    }

    /// The process id of its postmaster.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.postgres.id().expect("it runs")
    }

    /// Kills the server as a power cut would.
    pub async fn kill_9(mut self) -> DeadPostgres {
        process::kill_9(self.id());
        self.postgres.ended().await.unwrap();
        DeadPostgres(self.place)
    }

    /// The same, and starts it again: it recovers from its log.
    pub async fn kill_9_and_restart(self) -> Self {
        self.kill_9().await.restart().await
    }
}

impl DeadPostgres {
    /// Starts it again, at the same place.
    pub async fn restart(self) -> OwnPostgres {
        OwnPostgres::start_at(self.0).await
    }
}

/// The Postgres that all tests of this process share.
struct Shared {
    /// The URL of any database, in parts: what comes before its name and what after.
    around_name: (String, String),
}

impl Shared {
    fn get() -> &'static Self {
        static SHARED: OnceLock<Shared> = OnceLock::new();
        SHARED.get_or_init(|| {
            process_wide::start(async || {
                let postgres = start(&folders::shared("postgres"), false).await;
                let shared = Self::of(&postgres);
                shared.prepare().await;
                (postgres, shared)
            })
        })
    }

    fn of(postgres: &Postgres) -> Self {
        let marked = postgres.superuser_url("DATABASE");
        let (before, after) = marked.split_once("DATABASE").unwrap();
        Self {
            around_name: (before.to_owned(), after.to_owned()),
        }
    }

    fn url(&self, database: &str) -> String {
        let (before, after) = &self.around_name;
        format!("{before}{database}{after}")
    }

    /// Drops what an earlier run left and makes the template anew: the migrations may have changed.
    async fn prepare(&self) {
        let mut maintenance = connect(&self.url("postgres")).await;
        let leftovers: Vec<String> = sqlx::query_scalar(
            "SELECT datname::text FROM pg_database WHERE datname LIKE 'test\\_%' OR datname = $1",
        )
        .bind(TEMPLATE)
        .fetch_all(&mut maintenance)
        .await
        .unwrap();
        for name in leftovers {
            execute(&mut maintenance, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
        execute(&mut maintenance, format!("CREATE DATABASE {TEMPLATE}")).await;
        sealpost_migrations::run(&self.url(TEMPLATE)).await.unwrap();
    }
}

async fn start(folder: &Path, durable: bool) -> Postgres {
    let options = PostgresOptions {
        max_connections: 400,
        durable,
        ..PostgresOptions::default()
    };
    Postgres::start(&Tools::locate(), folder, &options).await.unwrap()
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// Runs a statement made of our own constants.
async fn execute(connection: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .unwrap();
}
