//! A server run as a child of this process.

use std::{
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{process::Child, time};

use super::{EmbeddedError, folder::LockedFolder, log_file};

/// How often to ask a starting server whether it is ready.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// What is particular to a server.
#[derive(Debug)]
pub(super) struct Manner {
    /// The name of its program, for messages.
    pub(super) program: &'static str,
    /// The signal on which it ends in an orderly way.
    pub(super) stop_signal: Signal,
    /// How long it may take to start.
    pub(super) start_limit: Duration,
    /// How long it may take to end; it is killed after that.
    pub(super) stop_limit: Duration,
}

/// A running server. Dropping it asks the server to end, but does not wait.
#[derive(Debug)]
pub(super) struct ManagedProcess {
    manner: &'static Manner,
    child: Child,
    log: PathBuf,
    _folder: LockedFolder,
}

impl ManagedProcess {
    /// Starts the command in a process group of its own, with its output in `log`.
    ///
    /// The folder's lock is held as long as the server is.
    pub(super) fn spawn(
        manner: &'static Manner,
        mut command: Command,
        log: PathBuf,
        folder: LockedFolder,
    ) -> Result<Self, EmbeddedError> {
        let output = log_file::open(&log)?;
        let errors = output.try_clone().map_err(EmbeddedError::file("open", &log))?;
        command.stdout(output).stderr(errors).process_group(0);
        let child = tokio::process::Command::from(command)
            .spawn()
            .map_err(EmbeddedError::run(Path::new(manner.program)))?;
        Ok(Self {
            manner,
            child,
            log,
            _folder: folder,
        })
    }

    /// Its process id, until it has ended.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until `ready` says so; fails when the server ends or takes too long.
    pub(super) async fn wait_until<F: Future<Output = bool>>(
        &mut self,
        mut ready: impl FnMut() -> F,
    ) -> Result<(), EmbeddedError> {
        let asking = async {
            while !ready().await {
                time::sleep(ASK_AGAIN).await;
            }
        };
        tokio::select! {
            ended = self.child.wait() => Err(ended_early(self.manner, &self.log, ended)),
            asked = time::timeout(self.manner.start_limit, asking) => {
                asked.map_err(|_elapsed| not_ready(self.manner, &self.log))
            }
        }
    }

    /// Waits until the server has ended, for whatever reason.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks the server to end and waits; kills it when it takes too long.
    pub(super) async fn stop(mut self) -> Result<(), EmbeddedError> {
        self.signal(self.manner.stop_signal);
        if time::timeout(self.manner.stop_limit, self.child.wait())
            .await
            .is_err()
        {
            tracing::error!(
                program = self.manner.program,
                "server did not end in time and is killed"
            );
            self.child
                .kill()
                .await
                .map_err(EmbeddedError::run(Path::new(self.manner.program)))?;
        }
        Ok(())
    }

    /// Nothing happens when it has ended; until it was waited for, nobody else has its process id.
    fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for ManagedProcess {
    fn drop(&mut self) {
        self.signal(self.manner.stop_signal);
    }
}

fn ended_early(manner: &Manner, log: &Path, ended: io::Result<ExitStatus>) -> EmbeddedError {
    match ended {
        Ok(status) => EmbeddedError::EndedEarly {
            program: manner.program,
            status,
            log: log.to_owned(),
            tail: log_file::tail(log),
        },
        Err(source) => EmbeddedError::run(Path::new(manner.program))(source),
    }
}

fn not_ready(manner: &Manner, log: &Path) -> EmbeddedError {
    EmbeddedError::NotReady {
        program: manner.program,
        seconds: manner.start_limit.as_secs(),
        log: log.to_owned(),
    }
}
