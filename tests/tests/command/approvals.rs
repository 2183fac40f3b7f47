use std::{
    io::{BufRead, BufReader},
    process::Child,
};

use rustix::process::{Pid, Signal, kill_process};
use sealpost_tests::{
    command::{Ended, Sealpost},
    database::Database,
    relay::Relay,
};
use serde_json::Value;

use super::{open_to_all, text};

/// A new device that shows a code and waits.
pub struct Waiting {
    pub login: Child,
    lines: BufReader<std::process::ChildStdout>,
    code: String,
}

impl Waiting {
    pub fn start(phone: &Sealpost, handle: &str) -> Self {
        let arguments = [
            "--json",
            "--device-name",
            "new phone",
            "login",
            handle,
            "--approve",
        ];
        let mut login = phone.command(arguments).spawn().unwrap();
        let mut lines = BufReader::new(login.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let shown: Value = serde_json::from_str(&line).unwrap();
        Self {
            login,
            lines,
            code: text(&shown, "device_code").to_owned(),
        }
    }

    /// Waits for its end; gives what it printed behind the code.
    pub fn end(mut self) -> (Ended, String) {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.lines, &mut rest).unwrap();
        (Ended::of(self.login), rest)
    }
}

fn approve(device: &Sealpost, code: &str) -> Ended {
    device.feed(["devices", "approve", "-", "--yes", "--json"], code.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn new_device_shows_a_code_and_is_let_in_by_the_one_that_is_logged_in() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let (alice, phone) = (Sealpost::new(at), Sealpost::new(at));
    alice.json(["register", "alice", "--device-secret"]);
    alice.json(["space", "create", "garden"]);
    alice.json(["send", "garden", "hello"]);
    let waiting = Waiting::start(&phone, "alice");
    assert!(
        waiting.code.starts_with("sealpost-new-device:alice:"),
        "{}",
        waiting.code
    );
    // Typed by hand, in a file.
    let file = alice.file("code");
    std::fs::write(&file, format!("{}\n", waiting.code.to_lowercase())).unwrap();
    let approved = alice.json(["devices", "approve", file.to_str().unwrap(), "--yes"]);
    assert_eq!(text(&approved[0], "device_name"), "new phone");
    let (ended, rest) = waiting.end();
    ended.expect_done();
    let identity: Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(identity, alice.json(["whoami"])[0]);
    let listed = phone.json(["devices", "list"]);
    let names: Vec<_> = listed.iter().map(|device| text(device, "device_name")).collect();
    assert!(names.len() == 2 && names.contains(&"new phone"), "{names:?}");
    assert_eq!(text(&phone.json(["tail", "garden"])[0], "text"), "hello");
    let again = approve(&alice, &std::fs::read_to_string(&file).unwrap());
    assert_eq!(again.code, 6);
    assert!(again.err.contains("device_code_invalid"), "{}", again.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_foreign_accounts_and_wrong_passphrases_let_nobody_in() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let (alice, bob, phone) = (Sealpost::new(at), Sealpost::new(at), Sealpost::new(at));
    alice.json(["register", "alice"]);
    bob.json(["register", "bob"]);
    let waiting = Waiting::start(&phone, "alice");
    let (head, tail) = waiting.code.split_at(waiting.code.len() - 4);
    let altered = format!("{head}{}", if tail == "0000" { "1111" } else { "0000" });
    for wrong in ["", "hello", &altered, head] {
        assert_eq!(approve(&alice, wrong).code, 2, "{wrong}");
    }
    let foreign = approve(&bob, &waiting.code);
    assert!(
        foreign.code == 2 && foreign.err.contains("into the account alice"),
        "{foreign:?}"
    );
    let as_argument = alice.run(["devices", "approve", &waiting.code, "--yes"]);
    assert!(
        as_argument.code == 2 && as_argument.err.contains("no argument"),
        "{as_argument:?}"
    );
    assert_eq!(alice.run(["devices", "approve"]).code, 2, "there is no terminal");
    let unconfirmed = alice.feed(["devices", "approve", "-"], waiting.code.as_bytes());
    assert!(
        unconfirmed.code == 2 && unconfirmed.err.contains("--yes"),
        "{unconfirmed:?}"
    );
    std::fs::write(alice.file("passphrase"), "a passphrase that somebody guessed").unwrap();
    assert_eq!(approve(&alice, &waiting.code).code, 3);
    std::fs::write(alice.file("passphrase"), sealpost_tests::command::PASSPHRASE).unwrap();
    approve(&alice, &waiting.code).expect_done();
    waiting.end().0.expect_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_login_takes_its_code_back() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let (alice, phone) = (Sealpost::new(at), Sealpost::new(at));
    alice.json(["register", "alice"]);
    let waiting = Waiting::start(&phone, "alice");
    let code = waiting.code.clone();
    kill_process(Pid::from_child(&waiting.login), Signal::INT).unwrap();
    let (ended, rest) = waiting.end();
    assert_eq!((ended.code, rest.as_str()), (130, ""), "{}", ended.err);
    let late = approve(&alice, &code);
    assert_eq!(late.code, 6);
    assert!(late.err.contains("device_code_invalid"), "{}", late.err);
    assert_eq!(phone.run(["whoami"]).code, 3);
    assert_eq!(alice.json(["devices", "list"]).len(), 1);
}
