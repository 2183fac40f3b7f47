//! A private Postgres 18: unix socket only, in a folder only we may enter.

mod account;
mod bootstrap;
mod confinement;
mod postmaster;
mod settings;
mod socket;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use rustix::process::Signal;

pub use confinement::Confinement;

use super::{
    EmbeddedError, Tools,
    folder::{LockedFolder, create_private},
    launcher::Launcher,
    process::{ManagedProcess, Manner},
};

/// `INT` is Postgres's fast shutdown: sessions are cut, everything is written, the next start needs no recovery.
static POSTGRES: Manner = Manner {
    program: "postgres",
    stop_signal: Signal::INT,
    start_limit: Duration::from_secs(60),
    stop_limit: Duration::from_secs(60),
};

/// The role and the database that the relay uses. The role owns its database and is nothing more.
const RELAY: &str = "sealpost";
/// The role that may do everything; it made the cluster.
const SUPERUSER: &str = "postgres";

/// What a caller may want otherwise.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// How many sessions may be open at once.
    pub max_connections: u16,
    /// Whether a commit waits for the disk. Without, a crash of the machine (not of a process) may lose data.
    pub durable: bool,
    /// How root makes Postgres run; nothing means the first way that works.
    pub confinement: Option<Confinement>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_connections: 100,
            durable: true,
            confinement: None,
        }
    }
}

/// A running private Postgres.
#[derive(Debug)]
pub struct Postgres {
    process: ManagedProcess,
    socket_folder: PathBuf,
    confinement: Confinement,
}

impl Postgres {
    /// Starts the cluster under `folder`, made on first use, and waits until the relay's database can be used.
    ///
    /// What a killed relay left running in it is ended first. Must be called from a thread that lives as long as
    /// the server should (see the module above).
    pub async fn start(
        tools: &Tools,
        folder: &Path,
        options: &PostgresOptions,
    ) -> Result<Self, EmbeddedError> {
        let folder = LockedFolder::open(folder)?;
        let data = folder.path().join("data");
        postmaster::end_leftover(&data).await?;
        let socket_folder = socket::folder(folder.path());
        create_private(&socket_folder)?;
        socket::must_be_ours(&socket_folder)?;

        let (confinement, launcher) = confinement::choose(tools, &socket_folder, options.confinement)?;
        bootstrap::make_cluster(tools, &launcher, confinement, folder.path(), options.durable).await?;
        confinement.hand_over(&data)?;

        let process = spawn(tools, launcher, folder, &socket_folder, options)?;
        let mut postgres = Self {
            process,
            socket_folder,
            confinement,
        };
        postgres.wait_until_ready(&data).await?;
        bootstrap::make_database(tools, &postgres.socket_folder).await?;
        Ok(postgres)
    }

    /// The relay's own database, as its own role.
    pub fn url(&self) -> String {
        socket::url(&self.socket_folder, RELAY, RELAY)
    }

    /// Any database of this cluster, as the superuser: for tests and repairs.
    pub fn superuser_url(&self, database: &str) -> String {
        socket::url(&self.socket_folder, SUPERUSER, database)
    }

    /// Where the socket is, for a proxy in front of it.
    pub fn socket(&self) -> PathBuf {
        socket::path(&self.socket_folder)
    }

    /// How Postgres was made to run.
    pub fn confinement(&self) -> Confinement {
        self.confinement
    }

    /// The process id of the postmaster, until it has ended.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the server has ended, for whatever reason.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.ended().await
    }

    /// Shuts the server down and waits for it.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        self.process.stop().await
    }

    async fn wait_until_ready(&mut self, data: &Path) -> Result<(), EmbeddedError> {
        let id = self.process.id();
        self.process
            .wait_until(|| async { postmaster::is_ready(data, id) })
            .await
    }
}

fn spawn(
    tools: &Tools,
    launcher: Launcher,
    folder: LockedFolder,
    socket_folder: &Path,
    options: &PostgresOptions,
) -> Result<ManagedProcess, EmbeddedError> {
    let data = folder.path().join("data");
    let log = folder.path().join("server.log");
    let mut command = launcher
        .ending_with_us("INT")
        .command(&tools.postgres("postgres")?);
    command
        .arg("-D")
        .arg(&data)
        .args(settings::arguments(socket_folder, options))
        .current_dir(&data);
    ManagedProcess::spawn(&POSTGRES, command, log, folder)
}
