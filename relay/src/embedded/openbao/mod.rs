//! A private OpenBao: real, persistent, sealed by a key file, on a loopback port.

mod port;
mod probe;
mod server_config;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use rustix::process::Signal;

use super::{
    EmbeddedError, Tools,
    folder::{LockedFolder, create_private, random_key_file, random_text_file, remove_folder, replace_file},
    launcher::Launcher,
    orphan::Leftovers,
    process::{ManagedProcess, Manner},
};
use crate::entropy::Entropy;

/// `TERM` seals and shuts down, in a second or so.
static OPENBAO: Manner = Manner {
    program: "bao",
    stop_signal: Signal::TERM,
    start_limit: Duration::from_secs(90), // the first start took 3 to 12 s when measured
    stop_limit: Duration::from_secs(20),
};

/// How often to try another port when somebody takes ours before the server does.
const PORT_ATTEMPTS: usize = 3;

/// What a caller may want otherwise.
#[derive(Clone, Debug)]
pub struct OpenBaoOptions {
    /// The policy, in OpenBao's HCL, of the userpass user `operator`. Only the first start of a folder sets it.
    pub operator_policy: String,
}

impl Default for OpenBaoOptions {
    /// An operator may rotate the key, take and restore snapshots and, with recovery keys, break glass; no more.
    fn default() -> Self {
        Self {
            operator_policy: include_str!("operator.policy.hcl").to_owned(),
        }
    }
}

/// A running private OpenBao with the Transit key `relay-atrest`.
#[derive(Debug)]
pub struct OpenBao {
    process: ManagedProcess,
    folder: PathBuf,
    address: SocketAddr,
}

impl OpenBao {
    /// Starts the server under `folder`, made and initialised on first use, and waits until the relay's
    /// credential can encrypt.
    ///
    /// What a killed relay left running in it is ended first. Must be called from a thread that lives as long as
    /// the server should (see the module above).
    pub async fn start(
        tools: &Tools,
        folder: &Path,
        options: &OpenBaoOptions,
        entropy: &dyn Entropy,
    ) -> Result<Self, EmbeddedError> {
        let mut attempts = 1;
        loop {
            match Self::start_once(tools, folder, options, entropy).await {
                Err(error) if port::was_taken(&error) && attempts < PORT_ATTEMPTS => attempts += 1,
                outcome => return outcome,
            }
        }
    }

    /// Where it listens, such as `http://127.0.0.1:8200`.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The AppRole id of the relay.
    pub fn role_id(&self) -> &'static str {
        server_config::ROLE_ID
    }

    /// The file with the relay's AppRole secret id.
    pub fn secret_id_file(&self) -> PathBuf {
        self.folder.join(server_config::SECRET_ID_FILE)
    }

    /// The AppRole id of who takes snapshots, for backups, and can do nothing else.
    pub fn backup_role_id(&self) -> &'static str {
        server_config::BACKUP_ROLE_ID
    }

    /// The file with the AppRole secret id of that role.
    pub fn backup_secret_id_file(&self) -> PathBuf {
        self.folder.join(server_config::BACKUP_SECRET_ID_FILE)
    }

    /// The name of the key that unseals the server.
    pub fn seal_key_id(&self) -> &'static str {
        server_config::SEAL_KEY_ID
    }

    /// The file with that key.
    pub fn seal_key_file(&self) -> PathBuf {
        self.folder.join(server_config::SEAL_KEY_FILE)
    }

    /// The file with the password of the userpass user `operator`, by which alone the server can be administered.
    pub fn operator_password_file(&self) -> PathBuf {
        self.folder.join(server_config::OPERATOR_PASSWORD_FILE)
    }

    /// The process id of the server, until it has ended.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the server has ended, for whatever reason.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.ended().await
    }

    /// Seals and shuts down, and waits for it.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        self.process.stop().await
    }

    async fn start_once(
        tools: &Tools,
        folder: &Path,
        options: &OpenBaoOptions,
        entropy: &dyn Entropy,
    ) -> Result<Self, EmbeddedError> {
        let locked = LockedFolder::open(folder)?;
        let folder = locked.path().to_owned();
        end_leftover(&folder).await?;
        prepare(&folder, options, entropy)?;

        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port::choose(&folder)?));
        replace_file(
            &folder.join(server_config::FILE),
            server_config::render(address).as_bytes(),
        )?;

        let process = spawn(tools, locked)?;
        let mut openbao = Self {
            process,
            folder,
            address,
        };
        openbao.wait_until_usable().await?;
        Ok(openbao)
    }

    async fn wait_until_usable(&mut self) -> Result<(), EmbeddedError> {
        let probe = probe::Probe::new(self.address(), &self.secret_id_file())?;
        self.process.wait_until(|| probe.can_encrypt()).await?;
        replace_file(&self.folder.join(INITIALISED), b"")
    }
}

/// Marks a data folder whose self-initialisation went through: one that was cut short never unseals.
const INITIALISED: &str = "initialised";

fn prepare(folder: &Path, options: &OpenBaoOptions, entropy: &dyn Entropy) -> Result<(), EmbeddedError> {
    if !folder.join(INITIALISED).exists() {
        remove_folder(&folder.join(server_config::DATA_FOLDER))?;
        replace_file(
            &folder.join(server_config::OPERATOR_POLICY_FILE),
            options.operator_policy.as_bytes(),
        )?;
    }
    create_private(&folder.join(server_config::DATA_FOLDER))?;
    random_key_file(&folder.join(server_config::SEAL_KEY_FILE), entropy)?;
    random_text_file(&folder.join(server_config::SECRET_ID_FILE), entropy)?;
    random_text_file(&folder.join(server_config::BACKUP_SECRET_ID_FILE), entropy)?;
    random_text_file(&folder.join(server_config::OPERATOR_PASSWORD_FILE), entropy)
}

async fn end_leftover(folder: &Path) -> Result<(), EmbeddedError> {
    let leftovers = Leftovers {
        program: "bao",
        folder,
    };
    leftovers
        .end(OPENBAO.stop_signal, |_only_one| true, OPENBAO.stop_limit)
        .await
}

/// All paths in its configuration are relative to the folder it runs in, whatever that is called.
fn spawn(tools: &Tools, folder: LockedFolder) -> Result<ManagedProcess, EmbeddedError> {
    let launcher = Launcher::default().ending_with_us("TERM");
    let mut command = launcher.command(&tools.openbao()?);
    command
        .arg("server")
        .arg(format!("-config={}", server_config::FILE))
        .current_dir(folder.path());
    let log = folder.path().join("server.log");
    ManagedProcess::spawn(&OPENBAO, command, log, folder)
}
