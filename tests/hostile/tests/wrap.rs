//! The program in front of somebody's relay, for somebody's client.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use sealpost_hostile_relay::orders::READY;
use sealpost_sdk::{Client, ClientConfig, Error, Passphrase};
use sealpost_tests::database::Database;
use sealpost_tests::door::free_port;
use sealpost_tests::process::interrupt;
use sealpost_tests::relay::{Relay, RelayOptions};

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sealpost-hostile-relay"));
    program.stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

/// The program between `listen` and `wrapped`, and what it said when it was ready.
fn wrap(wrapped: SocketAddr, listen: SocketAddr, case: &str) -> (Child, String) {
    let (wrapped, listen) = (wrapped.to_string(), listen.to_string());
    let mut program = program();
    program.args(["--json", "--wrap", &wrapped, "--listen", &listen, "--case", case]);
    let mut child = program.spawn().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    // It goes on to say how often: nobody has to read that.
    std::thread::spawn(move || stderr.lines().for_each(drop));
    (child, said)
}

fn interrupted(child: Child) -> Output {
    interrupt(child.id());
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn program_misbehaves_to_whoever_comes_and_counts_how_often() {
    let listen = free_port();
    let options = RelayOptions::on(&Database::create().await).behind(listen);
    let relay = Relay::start(options.with("SEALPOST__ACCOUNTS__REGISTRATION", "open")).await;
    let home = tempfile::tempdir().unwrap();
    let register = async |handle: &str| {
        let config = ClientConfig::new(&format!("http://{listen}"), home.path().join(handle)).unwrap();
        let passphrase = Passphrase::new("zwölf Boxkämpfer jagen Viktor".to_owned());
        Client::register(config, handle, &passphrase, None)
            .await
            .map(drop)
    };

    let (child, said) = wrap(relay.addresses().public, listen, "R55");
    assert!(said.contains("a login is refused"), "{said}");
    let refused = register("alice").await;
    assert!(
        matches!(&refused, Err(Error::Refused(refusal)) if refusal.word == "unknown_protocol"),
        "{refused:?}"
    );
    let ended = interrupted(child);
    assert_eq!(ended.status.code(), Some(0));
    let counted: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(counted["misbehaved"].as_u64() > Some(0), "{counted}");

    // Who was let in by an honest one is sent away by the next.
    let (child, _) = wrap(relay.addresses().public, listen, "R58");
    register("bob").await.unwrap();
    assert_eq!(
        interrupted(child).status.code(),
        Some(1),
        "nobody opened a socket"
    );
    relay.stop().await;
}

#[test]
fn wrong_calls_are_told_what_there_is() {
    for arguments in [
        &["--case", "R99"][..],
        &["--wrap", "127.0.0.1:1"],
        &["--wrap", "127.0.0.1:1", "--case", "R20"],
        &["--wrap", "127.0.0.1:1", "--case", "R1", "--against", "sdk"],
        &["--listen", "127.0.0.1:1"],
    ] {
        let ended = program().args(arguments).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert!(!ended.stderr.is_empty());
    }
    let readme = include_str!("../README.md");
    let (last, others) = READY.split_last().unwrap();
    let others: Vec<&str> = others.iter().map(|ready| ready.case).collect();
    let listed = format!("{} and {}", others.join(", "), last.case);
    assert!(
        readme.replace('\n', " ").contains(&listed),
        "the README lacks: {listed}"
    );
}
