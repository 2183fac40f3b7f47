//! The `sealpost` command as a process, with a home of its own.

use std::{
    ffi::OsStr,
    io::Write,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use sealpost_sdk::ClientConfig;
use serde_json::Value;
use tempfile::TempDir;

use crate::folders;

/// The passphrase of everybody who uses the command in a test.
pub const PASSPHRASE: &str = "a passphrase of five plain words";

/// Where the relay's own command is.
///
/// # Panics
/// When the workspace was not built.
#[must_use]
pub fn relay_program() -> PathBuf {
    let program = folders::binaries().join("sealpost-relay");
    assert!(
        program.exists(),
        "{} is missing: run cargo build --workspace",
        program.display()
    );
    program
}

/// A command that another program runs: its name, arguments and environment, and nothing else, go to that one as arguments.
#[must_use]
pub fn under(mut other: Command, command: &Command) -> Command {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    other
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(set)
        .env("PATH", "/usr/bin:/bin");
    other
}

/// One device of somebody who uses the command.
pub struct Sealpost {
    folder: PathBuf,
    relay_url: String,
    _removed_at_the_end: Option<TempDir>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it complained about.
    pub err: String,
}

impl Sealpost {
    /// A device that knows the relay and nothing else.
    #[must_use]
    pub fn new(relay_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            folder: Self::below(folder.path().to_owned(), relay_url).folder,
            relay_url: relay_url.to_owned(),
            _removed_at_the_end: Some(folder),
        }
    }

    /// A device with its files in a folder that stays.
    #[must_use]
    pub fn below(folder: PathBuf, relay_url: &str) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("passphrase"), PASSPHRASE).unwrap();
        Self {
            folder,
            relay_url: relay_url.to_owned(),
            _removed_at_the_end: None,
        }
    }

    /// The configuration by which the SDK uses this device.
    ///
    /// # Panics
    /// When the relay's URL is none.
    #[must_use]
    pub fn config(&self) -> ClientConfig {
        ClientConfig::new(&self.relay_url, self.file("home")).unwrap()
    }

    /// A file of this device, outside its home.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The command, to be given arguments.
    ///
    /// # Panics
    /// When the workspace was not built.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let program = folders::binaries().join("sealpost");
        assert!(
            program.exists(),
            "{} is missing: run cargo build --workspace",
            program.display()
        );
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("SEALPOST_HOME", self.file("home"))
            .env("SEALPOST_RELAY_URL", &self.relay_url)
            .env("SEALPOST_PASSPHRASE_FILE", self.file("passphrase"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, whatever that is.
    #[must_use]
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ended {
        Ended::of(self.command(arguments).spawn().unwrap())
    }

    /// Runs it with `input`, to its end.
    ///
    /// # Panics
    /// When the command reads less than all of it.
    #[must_use]
    pub fn feed<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>, input: &[u8]) -> Ended {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input).unwrap();
        drop(stdin);
        Ended::of(child)
    }

    /// Runs it and expects that it did what it was to do; gives the lines of JSON that it printed.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn json<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Vec<Value> {
        let mut command = self.command(arguments);
        let ended = Ended::of(command.arg("--json").spawn().unwrap());
        ended.expect_done().lines()
    }
}

impl Ended {
    /// Waits for the end of a command.
    #[must_use]
    pub fn of(child: Child) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        Self {
            code: status.code().expect("the command was not killed"),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Itself, if it ended well.
    #[track_caller]
    pub fn expect_done(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.err);
        self
    }

    /// The lines of JSON that it printed.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
