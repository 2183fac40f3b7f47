//! The command as a process, without a relay: exit codes, JSON, secrets and pipes.

use std::fs::{DirBuilder, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A relay that is not there.
const NOWHERE: &str = "http://127.0.0.1:9";

fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
    command
        .env_clear()
        .env("SEALPOST_HOME", home.join("home"))
        .stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
    (
        status.code().expect("the command ends by itself"),
        text(stdout),
        text(stderr),
    )
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a test may have a folder")
}

#[test]
fn home_without_an_account_is_not_authenticated_and_stays_untouched() {
    let folder = folder();
    for verb in [
        &["whoami"][..],
        &["tail", "garden"],
        &["send", "garden", "hello"],
        &["devices", "list"],
    ] {
        let (code, out, err) = run(command(folder.path()).args(verb));
        assert_eq!((code, out.as_str()), (3, ""), "{verb:?}");
        assert!(
            err.contains("not logged in") && err.contains("sealpost login"),
            "{err}"
        );
        assert!(
            err.contains(folder.path().join("home").to_str().unwrap()),
            "{err}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn failure_is_json_for_scripts() {
    let folder = folder();
    let (code, out, err) = run(command(folder.path()).args(["--json", "whoami"]));
    let error: Value = serde_json::from_str(&err).unwrap();
    assert_eq!((code, out.as_str()), (3, ""));
    assert_eq!(error["error"]["exit_code"], 3);
    assert_eq!(error["error"]["code"], "not_logged_in");
}

#[test]
fn wrong_arguments_are_json_for_scripts_too() {
    let folder = folder();
    for wrong in [
        &["--json", "nonsense"][..],
        &["--json"],
        &["login", "--json"],
        &["--json", "tail", "garden", "--after", "x"],
        &["send", "--json", "garden", "text", "--file", "file"],
        &["--json", "agent", "run"],
    ] {
        let (code, out, err) = run(command(folder.path()).args(wrong));
        assert_eq!(
            (code, out.as_str(), err.lines().count()),
            (2, "", 1),
            "{wrong:?}: {err}"
        );
        let error: Value = serde_json::from_str(&err).unwrap();
        assert_eq!(error["error"]["code"], "usage", "{err}");
        assert_eq!(error["error"]["exit_code"], 2, "{err}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains("Usage:"), "{message}");
    }
    // What stands behind `--` is the program's.
    let (_, _, err) = run(command(folder.path()).args(["agent", "run", "--space", "--", "bot", "--json"]));
    assert!(serde_json::from_str::<Value>(&err).is_err(), "{err}");
    let (code, out, _) = run(command(folder.path()).args(["--json", "--help"]));
    assert!(code == 0 && out.contains("Usage:"));
}

#[test]
fn home_whose_device_key_is_gone_says_what_to_do() {
    let folder = folder();
    let home = folder.path().join("home");
    DirBuilder::new().mode(0o700).create(&home).unwrap();
    std::fs::write(home.join("store.sqlite3"), "sealed").unwrap();
    let (code, _, err) = run(command(folder.path()).args(["--json", "whoami"]));
    let error: Value = serde_json::from_str(&err).unwrap();
    assert_eq!((code, &error["error"]["code"]), (5, &"device_key_missing".into()));
    let hint = error["error"]["hint"].as_str().unwrap();
    assert!(
        err.contains("device.key") && hint.contains("logout --forget --yes"),
        "{err}"
    );
    let (code, _, err) = run(command(folder.path()).args(["logout", "--forget", "--yes"]));
    assert_eq!(code, 0, "{err}");
}

#[test]
fn invite_link_that_is_no_text_is_named_as_standard_input() {
    let folder = folder();
    let mut child = command(folder.path())
        .args(["join", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&[0xff, 0xfe, b'\n'])
        .unwrap();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let err = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{err}");
    assert!(
        err.contains("standard input") && !err.contains("standard output"),
        "{err}"
    );
}

#[test]
fn unreachable_relay_is_a_network_failure() {
    let folder = folder();
    let (code, _, err) = run(command(folder.path()).args(["--relay-url", NOWHERE, "register", "alice"]));
    assert_eq!(code, 4, "{err}");
}

#[test]
fn doctor_reports_what_it_found_and_fails_with_its_code() {
    let folder = folder();
    let (code, out, _) = run(command(folder.path()).args(["--json", "--relay-url", NOWHERE, "doctor"]));
    let findings: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 4);
    assert_eq!(findings["healthy"], false);
    assert_eq!(findings["checks"][0]["name"], "relay");
}

#[test]
fn wrong_use_is_said_before_anything_is_done() {
    let folder = folder();
    for wrong in [
        &["nonsense"][..],
        &["login"],
        &["login", "alice"],
        &["--relay-url", "ftp://relay.example.org", "login", "alice"],
        &["--relay-url", "http://relay.example.org", "login", "alice"],
        &["tail", "garden", "--after", "x"],
        &["send", "garden", "text", "--file", "file"],
        &["devices", "revoke", "not-an-id"],
    ] {
        let (code, _, err) = run(command(folder.path()).args(wrong));
        assert_eq!(code, 2, "{wrong:?}: {err}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn no_argument_takes_a_secret() {
    let folder = folder();
    let help = |verb: &[&str]| run(command(folder.path()).args(verb).arg("--help")).1;
    let verbs: [&[&str]; 5] = [
        &["register"],
        &["login"],
        &["passphrase", "change"],
        &["recovery-code", "new"],
        &[],
    ];
    for verb in verbs {
        let help = help(verb);
        for secret in ["--passphrase ", "--passphrase=", "--token", "--recovery-code "] {
            assert!(!help.contains(secret), "{verb:?} offers {secret}");
        }
    }
}

#[test]
fn invite_link_is_read_from_a_file_and_the_help_says_who_sees_an_argument() {
    let folder = folder();
    let file = folder.path().join("link");
    std::fs::write(&file, "no link\n").unwrap();
    let (code, _, err) = run(command(folder.path())
        .arg("join")
        .env("SEALPOST_INVITE_FILE", &file));
    assert!(code == 2 && err.contains("not a complete invite link"), "{err}");
    let help = run(command(folder.path()).args(["join", "--help"])).1;
    assert!(
        help.contains("list of processes") && help.contains("SEALPOST_INVITE_FILE"),
        "{help}"
    );
}

#[test]
fn invite_of_more_hours_than_can_be_counted_is_wrong_use() {
    let folder = folder();
    let hours = u64::MAX.to_string();
    let (code, _, _) = run(command(folder.path()).args(["invite", "create", "garden", "--hours", &hours]));
    assert_eq!(code, 2);
}

#[test]
fn process_that_reads_a_passphrase_leaves_no_core_dump() {
    let folder = folder();
    let fifo = folder.path().join("passphrase");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut child = command(folder.path())
        .args(["--relay-url", NOWHERE, "login", "alice"])
        .env("SEALPOST_PASSPHRASE_FILE", &fifo)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Opens when the command opens it for reading.
    let mut passphrase = File::options().write(true).open(&fifo).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .unwrap();
    let core: Vec<_> = core.split_whitespace().take(2).collect();
    assert_eq!(core, ["0", "0"]);
    passphrase.write_all(b"correct horse battery\n").unwrap();
    drop(passphrase);
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

#[test]
fn every_verb_explains_itself() {
    let folder = folder();
    let verbs = "register login logout whoami fingerprint contact passphrase recovery-code space send outbox tail devices account doctor \
                 completions";
    for verb in verbs.split(' ') {
        let (code, out, _) = run(command(folder.path()).args([verb, "--help"]));
        assert_eq!(code, 0, "{verb}");
        assert!(out.contains("Usage:"), "{verb}");
    }
}

#[test]
fn help_names_what_holds_by_default_and_keeps_global_options_apart() {
    let folder = folder();
    let help = |verb: &[&str]| run(command(folder.path()).args(verb).arg("--help")).1;
    assert!(help(&["space", "add-member"]).contains("[default: member]"));
    let longest = sealpost_sdk::content::MAX_BODY.to_string();
    assert!(help(&["send"]).contains(&longest));
    for verb in [&["send"][..], &["space", "list"], &[]] {
        let help = help(verb);
        let (own, global) = help
            .split_once("Global options:")
            .expect("a heading of their own");
        assert!(
            global.contains("--patience") && !own.contains("--patience"),
            "{help}"
        );
    }
}

#[test]
fn damaged_home_is_named_by_the_doctor_and_can_be_forgotten() {
    let folder = folder();
    let home = folder.path().join("home");
    DirBuilder::new().mode(0o700).create(&home).unwrap();
    std::fs::write(home.join("store.sqlite3"), "no database").unwrap();
    std::fs::write(home.join("device.key"), [7; 32]).unwrap();
    std::fs::set_permissions(home.join("device.key"), Permissions::from_mode(0o600)).unwrap();
    let (code, out, _) = run(command(folder.path()).args(["--json", "doctor"]));
    let findings: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &findings["checks"][0]["name"]),
        (5, &"store".into()),
        "{out}"
    );
    let advice = findings["checks"][0]["detail"].as_str().unwrap();
    assert!(
        advice.contains("damaged") && advice.contains("sealpost logout --forget"),
        "{advice}"
    );

    let (code, _, err) = run(command(folder.path()).arg("logout"));
    assert!(code == 5 && err.contains("sealpost logout --forget"), "{err}");
    // It may be an agent's.
    let (code, _, err) = run(command(folder.path()).args(["logout", "--forget"]));
    assert!(code == 2 && err.contains("--yes"), "{err}");
    let (code, _, err) = run(command(folder.path()).args(["logout", "--forget", "--yes"]));
    assert_eq!(code, 0, "{err}");
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
    let (code, _, _) = run(command(folder.path()).args(["logout", "--forget"]));
    assert_eq!(code, 3);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, _) = run(command(folder.path()).args(["completions", shell]));
        assert!(code == 0 && out.contains("add-member"), "{shell}");
    }
}

#[test]
fn closed_pipe_is_no_failure() {
    let folder = folder();
    let mut child = command(folder.path())
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0));
}

/// The files that come with the specification: those that prove something, and the others.
fn files_of_evidence(folder: &Path) -> Vec<(std::path::PathBuf, bool)> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/vectors/evidence.json");
    let vectors = std::fs::read(vectors).expect("they are in the repository");
    let vectors: Value = serde_json::from_slice(&vectors).expect("they are JSON");
    let vectors = vectors["vectors"]
        .as_array()
        .expect("there are some")
        .iter()
        .enumerate();
    vectors
        .map(|(number, vector)| {
            let file = folder.join(format!("{number}.evidence"));
            let bytes = vector["file"].as_str().and_then(|bytes| hex::decode(bytes).ok());
            std::fs::write(&file, bytes.expect("a file in hex")).expect("a test may write");
            (file, vector["valid"] == true)
        })
        .collect()
}

#[test]
fn file_of_evidence_is_checked_without_an_account_and_without_a_relay() {
    let folder = folder();
    let files = files_of_evidence(folder.path());
    for (file, is_valid) in &files {
        let (code, out, err) = run(command(folder.path()).args(["evidence", "verify"]).arg(file));
        match is_valid {
            true => {
                assert_eq!(code, 0, "{err}");
                assert!(
                    out.starts_with("It holds: the relay https://relay.example signed two logs as one."),
                    "{out}"
                );
            }
            false => {
                assert_eq!(code, 5, "{out}");
                assert!(err.contains("it proves nothing"), "{err}");
            }
        }
    }
    let (code, out, _) = run(command(folder.path())
        .args(["--json", "evidence", "verify"])
        .arg(&files[0].0));
    let shown: Value = serde_json::from_str(&out).expect("one line of JSON");
    assert_eq!(
        (code, &shown["proven"], &shown["seq"]),
        (0, &Value::Bool(true), &Value::from(2))
    );
    // Under another key it is evidence against somebody else.
    let other = "00".repeat(32);
    let key = shown["checkpoint_key"].as_str().expect("a key");
    for (key, expected) in [(key, 0), (other.as_str(), 5)] {
        let checked = run(command(folder.path())
            .args(["evidence", "verify", "--key", key])
            .arg(&files[0].0));
        assert_eq!(checked.0, expected, "{checked:?}");
    }
    let missing = run(command(folder.path()).args(["evidence", "verify", "nowhere"]));
    assert_eq!(missing.0, 1, "{missing:?}");
    assert!(!folder.path().join("home").exists());
}
