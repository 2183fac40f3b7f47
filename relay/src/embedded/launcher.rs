//! The words put before a server's own command line.

use std::{
    env,
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

/// Programs that change something about a process and then become the next program on the line, so that
/// the process id of the first is that of the server.
#[derive(Clone, Debug, Default)]
pub(super) struct Launcher {
    words: Vec<OsString>,
}

impl Launcher {
    /// Adds a program with its arguments after those already there.
    pub(super) fn then<W: Into<OsString>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Asks the kernel to send `signal` (a name such as `INT`) when the thread that starts the server ends, even by
    /// `kill -9`; where `setpriv` cannot do that, changes nothing.
    pub(super) fn ending_with_us(self, signal: &str) -> Self {
        let with_signal = self.clone().then(["setpriv", "--pdeathsig", signal, "--"]);
        let mut proof = with_signal.command(Path::new("sh"));
        let works = proof
            .args(["-c", ":"])
            .status()
            .is_ok_and(|status| status.success());
        if works { with_signal } else { self }
    }

    /// The whole command: no input, no output, no environment but `PATH`.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut words = self
            .words
            .iter()
            .map(OsString::as_os_str)
            .chain([program.as_os_str()]);
        let mut command = Command::new(words.next().expect("the program itself is there"));
        command.args(words);
        command.env_clear().env(
            "PATH",
            env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
        );
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}
