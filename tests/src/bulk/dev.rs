//! The embedded default as a process.

use std::{
    fs::{self, File},
    path::Path,
    process::Stdio,
};

use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{command::relay_program, process};

/// A running `sealpost-relay dev`. Dropping it kills it.
pub(super) struct Dev {
    child: Child,
    said: Value,
    /// Kept open: a process that prints into a closed pipe may end by it.
    _banner: Lines<BufReader<ChildStdout>>,
}

impl Dev {
    /// Starts it; when this returns, it serves.
    pub(super) async fn start(data: &Path) -> Self {
        let any = "127.0.0.1:0";
        let mut child = Command::new(relay_program())
            .args([
                "dev",
                "--listen",
                any,
                "--ops-listen",
                any,
                "--store-listen",
                any,
                "--data",
            ])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(data.with_extension("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut banner = BufReader::new(child.stdout.take().unwrap()).lines();
        loop {
            let line = banner.next_line().await.unwrap();
            let line =
                line.unwrap_or_else(|| panic!("the relay ended: see its log beside {}", data.display()));
            if line.contains("Try next") {
                break;
            }
        }
        let said = serde_json::from_slice(&fs::read(data.join("dev.json")).unwrap()).unwrap();
        Self {
            child,
            said,
            _banner: banner,
        }
    }

    /// What it says of itself.
    pub(super) fn said(&self, name: &str) -> String {
        super::text(&self.said, name)
    }

    /// How large its database is.
    pub(super) async fn database_bytes(&self) -> u64 {
        let mut database = PgConnection::connect(&self.said("database_url")).await.unwrap();
        let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
            .fetch_one(&mut database)
            .await
            .unwrap();
        u64::try_from(bytes).unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self) {
        process::terminate(self.child.id().expect("it was not waited for"));
        assert!(self.child.wait().await.unwrap().success());
    }
}
