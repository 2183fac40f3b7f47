//! The program's process.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::failure::Failure;

/// How long a program may take to end once its input did.
const GRACE: Duration = Duration::from_secs(10);

/// Ended when it is dropped.
pub(super) struct Program {
    child: Child,
}

impl Program {
    /// Starts it, without what leads to this home's secrets.
    pub(super) fn start(command: &[OsString]) -> Result<(Self, ChildStdin, ChildStdout), Failure> {
        let (program, arguments) = command.split_first().expect("clap asks for one");
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SEALPOST_") {
                command.env_remove(name);
            }
        }
        let started = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let what = program.to_string_lossy();
        let mut child = started.map_err(|source| Failure::file(what, source))?;
        let input = child.stdin.take().expect("it was piped");
        let output = child.stdout.take().expect("it was piped");
        Ok((Self { child }, input, output))
    }

    /// Returns when it has ended.
    pub(super) async fn ended(&mut self) {
        // A failure shows when its exit code is asked for.
        let _ = self.child.wait().await;
    }

    /// Waits until everything that it printed is sent and it has ended, but not for long: then it is killed. Gives its exit code.
    pub(super) async fn finish(
        &mut self,
        sending: impl Future<Output = Result<(), Failure>>,
    ) -> Result<u8, Failure> {
        let ending = async {
            let (sent, status) = tokio::join!(sending, self.child.wait());
            sent?;
            Ok(code(status.map_err(lost)?))
        };
        match timeout(GRACE, ending).await {
            Ok(ended) => ended,
            Err(_elapsed) => {
                self.child.kill().await.map_err(lost)?;
                Ok(code(self.child.wait().await.map_err(lost)?))
            }
        }
    }
}

fn lost(source: std::io::Error) -> Failure {
    Failure::file("the program", source)
}

/// As a shell tells it.
fn code(status: ExitStatus) -> u8 {
    let of_signal = || status.signal().map(|signal| 128 + signal);
    let code = status.code().or_else(of_signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(u8::MAX)
}
