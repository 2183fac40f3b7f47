//! One Postgres for all tests of a process.

use std::{path::Path, sync::OnceLock, thread};

use sqlx::{Connection, PgConnection};
use tokio::sync::oneshot;

use crate::embedded::{Postgres, PostgresOptions, Tools};

/// The migrated database that every test's own is copied from.
pub(super) const TEMPLATE: &str = "template_migrated";

/// Where the cluster can be reached.
pub(super) struct Cluster {
    /// URL of the maintenance database, as the superuser.
    pub(super) maintenance_url: String,
    /// The same of any database, in parts: what comes before its name and what after.
    around_name: (String, String),
}

impl Cluster {
    /// The cluster, started by whoever asks first.
    pub(super) fn get() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(start)
    }

    /// The URL of a database.
    pub(super) fn url(&self, database: &str) -> String {
        let (before, after) = &self.around_name;
        format!("{before}{database}{after}")
    }
}

/// Starts the cluster from a thread that lives as long as the process: when it ends, so does Postgres.
fn start() -> Cluster {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let postgres = start_fresh().await;
            sender.send(prepare(&postgres).await).ok().unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver
        .blocking_recv()
        .expect("Postgres starts; has scripts/setup been run?")
}

/// A new cluster: to make one takes less time than to drop the databases of the last run. Starting the old one
/// first makes sure that nobody uses it, and ends what a killed run left.
async fn start_fresh() -> Postgres {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-data/relay");
    let options = PostgresOptions {
        durable: false,
        max_connections: 300,
        ..PostgresOptions::default()
    };
    let start = async || {
        Postgres::start(&Tools::locate(), &folder, &options)
            .await
            .unwrap()
    };
    if folder.join("data").exists() {
        start().await.stop().await.unwrap();
        std::fs::remove_dir_all(folder.join("data")).unwrap();
    }
    start().await
}

async fn prepare(postgres: &Postgres) -> Cluster {
    let marked = postgres.superuser_url("DATABASE");
    let (before, after) = marked.split_once("DATABASE").unwrap();
    let cluster = Cluster {
        maintenance_url: postgres.superuser_url("postgres"),
        around_name: (before.to_owned(), after.to_owned()),
    };
    let mut connection = PgConnection::connect(&cluster.maintenance_url).await.unwrap();
    execute(&mut connection, format!("CREATE DATABASE {TEMPLATE}")).await;
    sealpost_migrations::run(&cluster.url(TEMPLATE)).await.unwrap();
    cluster
}

/// Runs a statement made of our own constants.
pub(super) async fn execute(connection: &mut PgConnection, statement: String) {
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .execute(connection)
        .await
        .unwrap();
}
