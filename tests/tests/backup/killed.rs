//! The command itself, killed wherever it says that it is.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use sealpost_tests::{
    command::relay_program,
    database::Database,
    relay::{Relay, RelayOptions},
};

use crate::people::open_to_all;
use crate::scene::Vault;

struct Scene {
    vault: Vault,
    config_file: PathBuf,
    relay: Relay,
}

impl Scene {
    async fn new() -> Self {
        let options = open_to_all(RelayOptions::on(&Database::create().await));
        let vault = Vault::new();
        let config_file = vault.beside("relay.toml");
        fs::write(&config_file, options.file()).unwrap();
        let relay = Box::pin(Relay::start(options)).await;
        Self {
            vault,
            config_file,
            relay,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(relay_program());
        command
            .arg("--config")
            .arg(&self.config_file)
            .arg("backup")
            .args(arguments);
        command
            .env("SEALPOST__TELEMETRY__FILTER", "error")
            .stdin(Stdio::null());
        command
    }

    fn create(&self, more: &[&str]) -> Command {
        let mut command = self.command(&["create", "--recipient", &self.vault.recipient, "--to"]);
        command.arg(self.vault.backups()).args(more);
        command
    }

    fn verify(&self, backup: &Path) -> Output {
        let mut command = self.command(&["verify", "--identity"]);
        command
            .arg(&self.vault.identity_file)
            .arg(backup)
            .output()
            .unwrap()
    }

    /// What lies in the folder of the backups: whole ones, and leftovers.
    fn found(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let entries = fs::read_dir(self.vault.backups()).unwrap();
        let folders = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir());
        folders.partition(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'))
    }

    /// Kills a run when it says that it does this; gives whether it said so.
    fn kill_at(&self, step: &str) {
        let mut child = self
            .create(&[])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = lines.any(|line| line.unwrap().contains(step));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(said, "{step}");
    }
}

const STEPS: [&str; 5] = [
    "looking at database, keys and target",
    "writing the configuration",
    "dumping the database",
    "taking the keys",
    "writing the manifest",
];

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_killed_at_any_step_leaves_nothing_that_verify_accepts_and_the_next_run_cleans_up() {
    let scene = Scene::new().await;
    let first = scene.create(&["--first"]).output().unwrap();
    assert!(first.status.success(), "{}", complaint(&first));
    for step in STEPS {
        let whole_before = scene.found().0.len();
        scene.kill_at(step);
        let (whole, left) = scene.found();
        for leftover in &left {
            let refused = scene.verify(leftover);
            assert!(
                !refused.status.success() && complaint(&refused).contains("cut short"),
                "{}",
                complaint(&refused)
            );
        }
        // Only the very last moment may have made a whole one of it.
        assert!(whole.len() == whole_before || step == STEPS[4], "{step}");
        for backup in &whole {
            let verified = scene.verify(backup);
            assert!(verified.status.success(), "{step}: {}", complaint(&verified));
        }
        let next = scene.create(&["--json"]).output().unwrap();
        assert!(next.status.success(), "{}", complaint(&next));
        assert_eq!(scene.found().1, Vec::<PathBuf>::new(), "{step}");
    }
    scene.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_target_is_named_before_anything_is_written() {
    let scene = Scene::new().await;
    let said = |output: Output| {
        assert!(!output.status.success());
        complaint(&output)
    };
    let new = said(scene.create(&[]).output().unwrap());
    assert!(
        new.contains("holds no backups yet") && new.contains("--first"),
        "{new}"
    );
    let mut nobody = scene.command(&["create", "--first", "--to"]);
    let nobody = said(nobody.arg(scene.vault.backups()).output().unwrap());
    assert!(
        nobody.contains("no recipient") && nobody.contains("backup identity --out"),
        "{nobody}"
    );
    let absent = scene.vault.beside("absent");
    let mut absent_folder =
        scene.command(&["create", "--first", "--recipient", &scene.vault.recipient, "--to"]);
    let absent_folder = said(absent_folder.arg(absent).output().unwrap());
    assert!(absent_folder.contains("is its disk mounted?"), "{absent_folder}");
    assert_eq!(fs::read_dir(scene.vault.backups()).unwrap().count(), 0);
    scene.relay.stop().await;
}
