//! A large deployment of the embedded default: filled through the SDK, backed up, verified, restored, and read by a device that
//! knows nothing.

mod dev;
mod report;

use std::{
    fs, future,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use futures_util::StreamExt;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sealpost_sdk::{
    Client, ClientConfig, Message, Packing, Passphrase, Position, Space, SpaceOptions,
    protocol::{http::SecretToken, ids::SpaceId},
};
use serde_json::Value;
use tokio::time::Instant;

use self::dev::Dev;
pub use self::report::Report;
use crate::{
    command::{PASSPHRASE, relay_program},
    measured::{self, Measured},
    rounds::evidence,
};

/// What one message carries.
const MESSAGE: usize = 60_000;
/// Spaces that share what is written.
const SPACES: u64 = 8;
const HANDLE: &str = "alice";

/// Fills a deployment with `bytes` of messages, loses it and gets it back; `tell` gets a line for each step.
///
/// # Panics
/// When a command fails, or what was written does not come back.
pub async fn prove(bytes: u64, mut tell: impl FnMut(&str)) -> Report {
    let folder = evidence("backup");
    let each = bytes.div_ceil(SPACES * MESSAGE as u64).max(1);
    tell(&format!(
        "{SPACES} spaces, {each} messages of {MESSAGE} bytes in each"
    ));
    let lost = folder.join("lost");
    let dev = Dev::start(&lost).await;
    let begun = Instant::now();
    let spaces = fill(&dev, &folder.join("writer"), each).await;
    let mut report = Report {
        messages: SPACES * each,
        written: SPACES * each * MESSAGE as u64,
        filled_seconds: begun.elapsed().as_secs_f64(),
        database: dev.database_bytes().await,
        ..Report::default()
    };
    tell(&format!("written in {:.0} s", report.filled_seconds));
    // The writer's device has a copy of everything, which is not wanted.
    fs::remove_dir_all(folder.join("writer")).unwrap();
    let vault = Vault::make(&folder, &lost);
    report.create = vault.create().await;
    dev.stop().await;
    fs::remove_dir_all(&lost).unwrap();
    let backup = vault.newest();
    report.backup = size_of(&backup);
    tell(&format!("backed up: {}", report.create));
    report.verify = vault.verify(&backup).await;
    tell(&format!("verified: {}", report.verify));
    let found = folder.join("restored");
    report.restore = vault.restore(&backup, &found).await;
    tell(&format!("restored: {}", report.restore));
    let dev = Dev::start(&found).await;
    read(&dev, &folder.join("reader"), &spaces, each).await;
    tell("a new device has read a space of it to its end");
    dev.stop().await;
    fs::remove_dir_all(&folder).unwrap();
    report
}

/// What the messages of a space carry, in order.
struct Bodies(StdRng);

impl Bodies {
    fn of(space: usize) -> Self {
        Self(StdRng::seed_from_u64(space as u64))
    }

    fn next(&mut self) -> Vec<u8> {
        let mut body = vec![0; MESSAGE];
        self.0.fill_bytes(&mut body);
        body
    }
}

async fn fill(dev: &Dev, home: &Path, each: u64) -> Vec<SpaceId> {
    let token = SecretToken::parse(&dev.said("registration_token")).unwrap();
    let config = ClientConfig::new(&dev.said("url"), home.to_owned()).unwrap();
    let (client, _recovery_code) = Client::register(config, HANDLE, &passphrase(), Some(token))
        .await
        .unwrap();
    let mut ids = Vec::new();
    for number in 0..usize::try_from(SPACES).unwrap() {
        let options = SpaceOptions::default();
        let space = client
            .create_space(&format!("space {number}"), options)
            .await
            .unwrap();
        write(&space, Bodies::of(number), each).await;
        ids.push(space.id());
    }
    ids
}

async fn write(space: &Space, mut bodies: Bodies, count: u64) {
    let mut sender = space.sender(Packing::OnePerEvent);
    for _ in 0..count {
        let message = Message::new("application/octet-stream", bodies.next());
        sender.feed(message).await.unwrap();
    }
    assert_eq!(sender.flush().await.unwrap(), count);
}

/// The last of the spaces, whole; of the others, how far the relay has them.
async fn read(dev: &Dev, home: &Path, spaces: &[SpaceId], each: u64) {
    let config = ClientConfig::new(&dev.said("url"), home.to_owned()).unwrap();
    let client = Client::login(config, HANDLE, &passphrase()).await.unwrap();
    let heads = client.spaces().await.unwrap();
    assert_eq!(heads.len(), spaces.len());
    for head in heads {
        assert!(head.relay_head.is_some_and(|head| head > each), "{head:?}");
    }
    let last = spaces.len() - 1;
    let space = client.space(spaces[last]).await.unwrap();
    let (mut messages, mut bodies) = (space.subscribe(Position::START), Bodies::of(last));
    for number in 0..each {
        let message = messages.next().await.unwrap().unwrap();
        assert!(
            message.body[..] == bodies.next()[..],
            "message {number} is another one"
        );
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

/// Where backups lie, and what opens them.
struct Vault {
    backups: PathBuf,
    identity: PathBuf,
    recipient: String,
    config: PathBuf,
}

impl Vault {
    fn make(folder: &Path, data: &Path) -> Self {
        let (backups, identity) = (folder.join("backups"), folder.join("identity"));
        fs::create_dir(&backups).unwrap();
        let mut make = Command::new(relay_program());
        let made = make
            .args(["backup", "identity", "--out"])
            .arg(&identity)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self {
            backups,
            identity,
            recipient: String::from_utf8(made.stdout).unwrap().trim().to_owned(),
            config: data.join("relay.toml"),
        }
    }

    async fn create(&self) -> Measured {
        let mut command = Command::new(relay_program());
        command.arg("--config").arg(&self.config);
        command.args([
            "backup",
            "create",
            "--first",
            "--recipient",
            &self.recipient,
            "--to",
        ]);
        command.arg(&self.backups);
        run(command).await
    }

    fn newest(&self) -> PathBuf {
        let mut backups = fs::read_dir(&self.backups).unwrap();
        let is_backup = |path: &PathBuf| path.join("manifest.json").exists();
        backups
            .find_map(|entry| Some(entry.unwrap().path()).filter(is_backup))
            .unwrap()
    }

    async fn verify(&self, backup: &Path) -> Measured {
        run(self.opening("verify", backup)).await
    }

    async fn restore(&self, backup: &Path, data: &Path) -> Measured {
        let mut command = self.opening("restore", backup);
        command.arg("--yes").arg("--data").arg(data);
        run(command).await
    }

    fn opening(&self, verb: &str, backup: &Path) -> Command {
        let mut command = Command::new(relay_program());
        command.args(["backup", verb]).arg(backup);
        command.arg("--identity").arg(&self.identity);
        command
    }
}

/// What it says stands among the proof's own lines; its progress bar shows itself on a terminal.
async fn run(mut command: Command) -> Measured {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    measured::run(command, future::pending()).await
}

/// The bytes of a folder's files.
fn size_of(folder: &Path) -> u64 {
    let sizes = fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        match metadata.is_dir() {
            true => size_of(&entry.path()),
            false => metadata.len(),
        }
    });
    sizes.sum()
}

/// The answer of `dev.json`, as text.
fn text(said: &Value, name: &str) -> String {
    said[name].as_str().expect("it is a text").to_owned()
}
