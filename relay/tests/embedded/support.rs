//! What the tests of both servers share.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sealpost_relay::embedded::{EmbeddedError, OpenBao, OpenBaoOptions, Postgres, PostgresOptions, Tools};
use sealpost_relay::entropy::SystemEntropy;
use sqlx::{Connection, PgConnection, Row};

/// A folder that nobody but its owner may enter, as a clone in a home folder is.
pub fn closed_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

pub async fn start_postgres(folder: &Path) -> Result<Postgres, EmbeddedError> {
    Postgres::start(&Tools::locate(), folder, &PostgresOptions::default()).await
}

pub async fn start_openbao(folder: &Path) -> Result<OpenBao, EmbeddedError> {
    OpenBao::start(
        &Tools::locate(),
        folder,
        &OpenBaoOptions::default(),
        &SystemEntropy,
    )
    .await
}

pub async fn execute(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
}

pub async fn fetch_text(url: &str, query: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query(query)
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0)
}

/// The ids of all processes that run in a folder or below it.
pub fn processes_in(folder: &Path) -> Vec<u32> {
    let folder = folder.canonicalize().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| working_folder(*id).is_some_and(|found| found.starts_with(&folder)))
        .collect()
}

fn working_folder(id: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{id}/cwd")).ok()
}

/// The process group of a process: field 5 of `proc_pid_stat(5)`, the third after the name in parentheses.
pub fn process_group(id: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    after_name.split_whitespace().nth(2).unwrap().parse().unwrap()
}
