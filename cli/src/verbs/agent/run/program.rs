//! The program's process.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::failure::Failure;

/// How long a program may take to end once its input did.
pub(super) const GRACE: Duration = Duration::from_secs(10);

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

    /// Waits until its input has ended with `feeding`, and then it; but not for long: then it is killed. Gives its exit code.
    pub(super) async fn finish(
        &mut self,
        feeding: impl Future<Output = Result<(), Failure>>,
    ) -> Result<u8, Failure> {
        let ending = async {
            let fed = feeding.await;
            let status = self.child.wait().await;
            fed.and_then(|()| Ok(code(status.map_err(lost)?)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> (Program, ChildStdin, ChildStdout) {
        let command = ["sh", "-c", script].map(OsString::from);
        Program::start(&command).unwrap()
    }

    #[tokio::test]
    async fn program_ends_with_its_input_and_gives_its_code() {
        let (mut program, input, _output) = start("read -r line; exit 7");
        let feeding = async {
            drop(input);
            Ok(())
        };
        assert_eq!(program.finish(feeding).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn program_that_does_not_end_is_killed() {
        let (mut program, input, output) = start("echo begun; exec sleep 1000");
        let mut begun = tokio::io::BufReader::new(output);
        tokio::io::AsyncBufReadExt::read_line(&mut begun, &mut String::new())
            .await
            .unwrap();
        tokio::time::pause();
        let never = async {
            let _held = input;
            std::future::pending().await
        };
        assert_eq!(program.finish(never).await.unwrap(), 128 + 9);
    }
}
