//! The independent client as a child process: one JSON command a line in, one JSON answer a line out.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long an answer may take, the stretching of a passphrase on a busy machine included.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the client lies.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    let installed = folder.join("node_modules").exists();
    assert!(installed, "its packages are missing: run scripts/setup");
    folder
}

/// A folder of a device, which outlives the processes that use it.
pub struct Home(TempDir);

impl Home {
    /// A new one.
    ///
    /// # Panics
    /// When there is no room for it.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Where it is.
    ///
    /// # Panics
    /// When that is no text.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

/// Why the client did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// One of the client's own codes.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// The process of one device.
pub struct Client {
    process: Child,
    input: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Client {
    /// A process that knows no account yet.
    ///
    /// # Panics
    /// When there is no Node.js.
    #[must_use]
    pub fn start() -> Self {
        let mut process = Command::new("node")
            .arg(folder().join("driver.js"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            input: process.stdin.take().unwrap(),
            answers,
            process,
        }
    }

    /// A new device of somebody, logged in with a passphrase.
    pub async fn log_in(home: &Home, url: &str, handle: &str, passphrase: &str) -> Self {
        let mut client = Self::start();
        let login = json!({"do": "login", "url": url, "home": home.path(), "handle": handle, "passphrase": passphrase});
        client.ask(login).await;
        client
    }

    /// A device that logged in before.
    pub async fn open(home: &Home) -> Self {
        let mut client = Self::start();
        client.ask(json!({"do": "open", "home": home.path()})).await;
        client
    }

    /// Says what to do, without waiting for the answer.
    pub async fn tell(&mut self, command: Value) {
        let line = format!("{command}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next answer: what was asked for, or the code of an error.
    pub async fn answer(&mut self) -> Result<Value, String> {
        let answer = self.next_answer(PATIENCE).await;
        answer.map_err(|trouble| trouble.code)
    }

    /// Does something that may fail.
    pub async fn attempt(&mut self, command: Value) -> Result<Value, Trouble> {
        self.attempt_within(PATIENCE, command).await
    }

    /// The same where it takes long.
    pub async fn attempt_within(&mut self, patience: Duration, command: Value) -> Result<Value, Trouble> {
        self.tell(command).await;
        self.next_answer(patience).await
    }

    async fn next_answer(&mut self, patience: Duration) -> Result<Value, Trouble> {
        let line = tokio::time::timeout(patience, self.answers.next_line()).await;
        let line = line.expect("the client answers in time").unwrap().unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        let Some(code) = answer["error"].as_str() else {
            return Ok(answer["ok"].take());
        };
        assert_ne!(code, "bug", "{answer}");
        Err(Trouble {
            code: code.to_owned(),
            message: answer["message"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// Does something that must succeed.
    pub async fn ask(&mut self, command: Value) -> Value {
        self.tell(command.clone()).await;
        match self.answer().await {
            Ok(answer) => answer,
            Err(code) => panic!("{command}: {code}"),
        }
    }

    /// Does something that must fail; gives the code.
    pub async fn ask_in_vain(&mut self, command: Value) -> String {
        self.tell(command.clone()).await;
        match self.answer().await {
            Ok(answer) => panic!("{command} was done: {answer}"),
            Err(code) => code,
        }
    }

    /// The texts of the next messages of a space.
    pub async fn read(&mut self, space: &str, count: usize) -> Vec<String> {
        let read = self
            .ask(json!({"do": "read", "space": space, "count": count}))
            .await;
        texts(&read)
    }

    /// Ends it without a chance to tidy up.
    pub async fn kill_9(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// The texts of an answer to `read`.
pub fn texts(answer: &Value) -> Vec<String> {
    let messages = answer["messages"].as_array().unwrap();
    let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
    messages.iter().map(text).collect()
}
