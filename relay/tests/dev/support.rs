//! A development relay as a child process.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// `sealpost-relay` with these arguments.
pub fn relay(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost-relay"));
    command
        .args(arguments)
        .env_remove("SEALPOST_CONFIG")
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    relay(arguments).envs(variables.iter().copied()).output().unwrap()
}

/// What a run printed, or a failure with what it complained about.
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a run complained about.
pub fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running `sealpost-relay dev`, in a process group of its own as a terminal's job is.
pub struct Dev {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    data: PathBuf,
}

impl Dev {
    /// Starts it and waits until it says that it serves.
    pub fn start(data: &Path, kms: &str) -> Self {
        Self::start_with(data, kms, &[])
    }

    pub fn start_with(data: &Path, kms: &str, variables: &[(&str, &str)]) -> Self {
        let mut dev = Self::spawn(data, kms, variables);
        let banner = BufReader::new(dev.process.stdout.take().unwrap()).lines();
        let ready = banner.map_while(Result::ok).any(|line| line.contains("Try next"));
        assert!(ready, "{}", dev.ended().1);
        dev
    }

    /// Starts it and waits for nothing.
    pub fn spawn(data: &Path, kms: &str, variables: &[(&str, &str)]) -> Self {
        let any = [
            "--listen",
            "127.0.0.1:0",
            "--store-listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
            "--kms",
            kms,
        ];
        let mut process = relay(&["dev", "--data"])
            .arg(data)
            .args(any)
            .envs(variables.iter().copied())
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        Self {
            process,
            log,
            data: data.to_owned(),
        }
    }

    /// What `dev.json` says.
    pub fn file(&self) -> Value {
        serde_json::from_slice(&fs::read(self.data.join("dev.json")).unwrap()).unwrap()
    }

    /// What the public listener says of the relay.
    pub async fn info(&self) -> Value {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/v1/info", self.file()["url"].as_str().unwrap());
        client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// What Ctrl-C does: the terminal tells every process of its job.
    pub fn ctrl_c(&self) {
        kill_process_group(self.pid(), Signal::INT).unwrap();
    }

    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    pub fn kill_9(&self) {
        kill_process(self.pid(), Signal::KILL).unwrap();
    }

    /// Waits for a line of the log.
    pub fn wait_for(&mut self, text: &str) {
        assert!(self.log.any(|line| line.unwrap().contains(text)), "{text}");
    }

    /// Waits until it has ended; gives how, and what it had yet to say.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let mut rest = Vec::new();
        rest.extend(self.log.by_ref().map_while(Result::ok));
        (self.process.wait().unwrap(), rest.join("\n"))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It has ended by itself unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The signal that ended a process.
pub fn signal(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// The ids of all processes that run in a folder or below it.
pub fn processes_in(folder: &Path) -> Vec<u32> {
    let folder = folder.canonicalize().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let inside =
        |id: &u32| fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|found| found.starts_with(&folder));
    ids.filter(inside).collect()
}
