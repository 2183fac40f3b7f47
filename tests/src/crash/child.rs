//! A running `sealpost` that prints JSON lines and may be killed at any of them.

use std::{fs::OpenOptions, path::Path, process::Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::ledger::Stand;

/// It does not outlive this.
pub(super) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Running {
    /// Starts the command; what it complains about goes to the end of `errors`.
    pub(super) fn spawn(mut command: std::process::Command, errors: &Path) -> Self {
        let errors = OpenOptions::new().create(true).append(true).open(errors).unwrap();
        command.stdin(Stdio::piped()).stderr(errors);
        let mut child = Command::from(command).kill_on_drop(true).spawn().unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().expect("its output is piped")),
            child,
            line: Vec::new(),
        }
    }

    /// Feeds it a line. That it is gone shows when it is read.
    pub(super) async fn feed(&mut self, text: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(format!("{text}\n").as_bytes()).await;
        }
    }

    /// Tells it that no more lines come.
    pub(super) fn end_of_input(&mut self) {
        self.stdin = None;
    }

    /// The next whole line that it printed; `None` after the last. May be cancelled.
    pub(super) async fn next_line(&mut self) -> Option<Value> {
        let read = self.stdout.read_until(b'\n', &mut self.line).await;
        read.expect("a pipe can be read");
        // Whoever is killed in the middle of a line leaves half of one behind.
        let whole = self.line.last() == Some(&b'\n');
        let line = std::mem::take(&mut self.line);
        whole.then(|| serde_json::from_slice(&line).expect("lines are JSON"))
    }

    /// Ends it without a chance to tidy up. What it had printed can still be read.
    pub(super) async fn kill_9(&mut self) {
        self.stdin = None;
        self.child.kill().await.expect("a child can be killed");
    }

    /// Waits for its end; whether it did what it was to do.
    pub(super) async fn ended_well(&mut self) -> bool {
        self.child
            .wait()
            .await
            .expect("a child can be waited for")
            .success()
    }
}

/// Where the message of a line stands.
pub(super) fn stand(line: &Value) -> Stand {
    let number = |key: &str| line[key].as_u64().unwrap_or_else(|| panic!("no {key} in {line}"));
    Stand {
        seq: number("seq"),
        index: number("index"),
        event_id: line["event_id"].as_str().expect("an event has an id").to_owned(),
    }
}
