//! Making the cluster, and the relay's role and database in it.

use std::{
    fs, io,
    path::Path,
    process::{Command, Output, Stdio},
};

use tokio::io::AsyncWriteExt;

use super::{
    super::{
        EmbeddedError, Tools,
        folder::{create_private, remove_folder},
        launcher::Launcher,
    },
    Confinement, RELAY, SUPERUSER, socket,
};

/// The major version whose clusters we can open.
const VERSION: &str = "18";

/// The C locale of the server itself: it sorts and compares the same on every machine, whatever its libc.
const INITDB: [&str; 7] = [
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust", // who can open the socket's folder is us; there is no other way in
    "--auth-host=reject",
];

/// Makes the cluster `data` in `folder`, unless it is there.
///
/// It is made aside and renamed, so a crash in between leaves nothing that looks like a cluster.
pub(super) async fn make_cluster(
    tools: &Tools,
    launcher: &Launcher,
    confinement: Confinement,
    folder: &Path,
    durable: bool,
) -> Result<(), EmbeddedError> {
    let data = folder.join("data");
    if data.exists() {
        return must_be_our_version(&data);
    }
    let draft = folder.join("data.new");
    remove_folder(&draft)?;
    create_private(&draft)?;
    confinement.hand_over(&draft)?;
    let mut command = launcher.command(&tools.postgres("initdb")?);
    command.args(INITDB).arg("-D").arg(&draft).current_dir(&draft);
    if !durable {
        // Waiting for the disk can take a minute where much else is to be written.
        command.arg("--no-sync");
    }
    run(command, "").await?;
    fs::rename(&draft, &data).map_err(EmbeddedError::file("rename", &draft))
}

fn must_be_our_version(data: &Path) -> Result<(), EmbeddedError> {
    let file = data.join("PG_VERSION");
    let found = fs::read_to_string(&file).map_err(EmbeddedError::file("read", &file))?;
    if found.trim() == VERSION {
        return Ok(());
    }
    Err(EmbeddedError::PostgresVersion {
        folder: data.to_owned(),
        found: found.trim().to_owned(),
    })
}

/// Makes the relay's role and database, unless they are there.
pub(super) async fn make_database(tools: &Tools, socket_folder: &Path) -> Result<(), EmbeddedError> {
    let script = format!(
        "SELECT 'CREATE ROLE {RELAY} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{RELAY}') \\gexec\n\
         SELECT 'CREATE DATABASE {RELAY} OWNER {RELAY}' \
         WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{RELAY}') \\gexec\n"
    );
    let mut command = Launcher::default().command(&tools.postgres("psql")?);
    command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]);
    command.arg(socket::url(socket_folder, SUPERUSER, "postgres"));
    run(command, &script).await
}

async fn run(command: Command, input: &str) -> Result<(), EmbeddedError> {
    let program = Path::new(command.get_program()).to_owned();
    let output = pipe_through(command, input)
        .await
        .map_err(EmbeddedError::run(&program))?;
    if output.status.success() {
        return Ok(());
    }
    Err(EmbeddedError::Failed {
        program: program.display().to_string(),
        status: output.status,
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

async fn pipe_through(mut command: Command, input: &str) -> io::Result<Output> {
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(command).spawn()?;
    let mut stdin = child.stdin.take().expect("it was asked for above");
    // A program that ended without reading says why in its status and its output.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await
}
