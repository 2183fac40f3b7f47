//! A relay as a child process.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use sealpost_relay::config::Config;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{Addresses, RelayOptions};
use crate::{folders, process};

/// `sealpost-relay serve` in a process of its own. Dropping it kills it.
#[derive(Debug)]
pub struct ChildRelay {
    process: Killed,
    addresses: Addresses,
    log: Log,
    options: RelayOptions,
    _folder: TempDir,
}

/// What is left of a relay that was killed.
#[derive(Debug)]
pub struct DeadRelay {
    addresses: Addresses,
    options: RelayOptions,
}

/// A child that does not outlive this.
#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a child has logged so far, and the thread that reads on.
#[derive(Debug)]
struct Log {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl ChildRelay {
    /// Starts it on ports of its own; when this returns, it serves.
    pub async fn start(options: RelayOptions) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let addresses = Addresses {
            public: any,
            ops: any,
        };
        Self::start_at(addresses, options).await
    }

    async fn start_at(addresses: Addresses, options: RelayOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.toml");
        fs::write(&file, options.table(addresses).to_string()).unwrap();
        let mut process = spawn(&file, &options);
        let (log, serving) = read(&mut process, options.log_file.as_deref());
        let Ok(addresses) = serving.await else {
            panic!("the relay ended:\n{}", log.text())
        };
        Self {
            process,
            addresses,
            log,
            options,
            _folder: folder,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The configuration it runs by, for what an operator does beside it.
    ///
    /// # Panics
    /// Never: the relay runs by it.
    #[must_use]
    pub fn config(&self) -> Config {
        self.options.config_at(self.addresses)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> Vec<u8> {
        self.log.bytes.lock().unwrap().clone()
    }

    /// Kills it without a chance to tidy up.
    ///
    /// # Panics
    /// When it had ended by itself.
    pub fn kill_9(mut self) -> DeadRelay {
        let ended = self.process.0.try_wait().unwrap();
        assert!(ended.is_none(), "the relay ended unasked:\n{}", self.log.text());
        process::kill_9(self.id());
        self.process.0.wait().unwrap();
        DeadRelay {
            addresses: self.addresses,
            options: self.options,
        }
    }

    /// The same, and starts another one at the same addresses.
    pub async fn kill_9_and_restart(self) -> Self {
        self.kill_9().restart().await
    }

    /// Asks it to end, as an orchestrator does.
    pub fn terminate(&self) {
        process::terminate(self.process.0.id());
    }

    /// Waits until it has ended; gives how, and everything it logged.
    pub async fn ended(mut self) -> (ExitStatus, Vec<u8>) {
        tokio::task::spawn_blocking(move || {
            let status = self.process.0.wait().unwrap();
            (status, self.log.all())
        })
        .await
        .unwrap()
    }
}

impl DeadRelay {
    /// Starts another one at the same addresses.
    pub async fn restart(self) -> ChildRelay {
        ChildRelay::start_at(self.addresses, self.options).await
    }

    /// The same at ports that are free: while it was dead, anybody may have taken its own.
    pub async fn restart_elsewhere(self) -> ChildRelay {
        ChildRelay::start(self.options).await
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Everything: to be asked for once the child has ended.
    fn all(self) -> Vec<u8> {
        self.reader.join().unwrap();
        self.bytes.lock().unwrap().clone()
    }
}

fn spawn(file: &Path, options: &RelayOptions) -> Killed {
    let program = folders::binaries().join(options.program);
    assert!(
        program.exists(),
        "{} is missing: scripts/test builds it",
        program.display()
    );
    let child = Command::new(program)
        .arg("serve")
        .arg("--config")
        .arg(file)
        .envs(options.variables())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    Killed(child.unwrap())
}

/// Keeps what the child logs, and tells once it serves.
fn read(process: &mut Killed, file: Option<&Path>) -> (Log, oneshot::Receiver<Addresses>) {
    let mut file = file.map(|file| OpenOptions::new().create(true).append(true).open(file).unwrap());
    let bytes = Arc::<Mutex<Vec<u8>>>::default();
    let lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let (sender, serving) = oneshot::channel();
    let (mut sender, kept) = (Some(sender), bytes.clone());
    let reader = thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let bytes = format!("{line}\n").into_bytes();
            if let Some(file) = &mut file {
                file.write_all(&bytes).unwrap();
            }
            kept.lock().unwrap().extend_from_slice(&bytes);
            if let Some(addresses) = serving_at(&line)
                && let Some(sender) = sender.take()
            {
                // Nobody waits any more when the test has failed.
                let _ = sender.send(addresses);
            }
        }
    });
    (Log { bytes, reader }, serving)
}

/// The line with which a relay says that it serves.
fn serving_at(line: &str) -> Option<Addresses> {
    let line: Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| line.get(name)?.as_str()?.parse().ok();
    Some(Addresses {
        public: address("address.public")?,
        ops: address("address.ops")?,
    })
}
