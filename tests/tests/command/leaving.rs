//! Logging out beside other commands, and on a full disk.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use sealpost_tests::{
    command::{Ended, Sealpost, under},
    database::Database,
    relay::Relay,
};
use serde_json::Value;

use super::{Garden, approvals::Waiting, open_to_all, sending::Sending};

/// Runs the command where no file can grow beyond so many blocks of 512 bytes, which fails as a full disk does.
fn run_with_room_for(blocks: u32, of: &Sealpost, arguments: &[&str]) -> Ended {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]);
    let mut limited = under(shell, &of.command(arguments));
    limited
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ended::of(limited.spawn().unwrap())
}

fn files(of: &Sealpost) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(of.file("home")) else {
        return Vec::new();
    };
    files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_waits_for_nobody_and_destroys_nothing_while_a_command_is_sending() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let mut sending = Sending::start(&alice, 100_000);
    sending.until_acked(20);
    let refused = alice.run(["--json", "logout"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    let error: Value = serde_json::from_str(&refused.err).unwrap();
    assert_eq!(error["error"]["code"], "busy");
    assert!(refused.err.contains("logout --forget"), "{}", refused.err);

    sending.signal(Signal::INT);
    let (ended, _acks) = sending.end();
    let error: Value = serde_json::from_str(&ended.err).unwrap();
    let kept = error["error"]["kept"].as_u64().unwrap();
    assert_eq!(alice.json(["outbox", "flush", "garden"])[0]["messages"], kept);
    alice.json(["logout"]);
    assert_eq!(files(&alice), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_is_refused_while_a_command_waits_for_what_it_is_to_send() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let mut sender = alice
        .command(["--json", "send", "garden"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = sender.stdin.take().unwrap();
    let mut acks = BufReader::new(sender.stdout.take().unwrap());
    input.write_all(b"one\n").unwrap();
    let mut told = String::new();
    acks.read_line(&mut told).unwrap();
    for _try in 0..2 {
        let refused = alice.run(["--json", "logout"]);
        let error: Value = serde_json::from_str(&refused.err).unwrap();
        assert_eq!((refused.code, &error["error"]["code"]), (1, &"busy".into()));
    }
    alice.json(["logout", "--forget"]);
    input.write_all(b"two\n").unwrap();
    drop(input);
    let ended = Ended::of(sender);
    let error: Value = serde_json::from_str(&ended.err).unwrap();
    assert_eq!(
        (ended.code, &error["error"]["code"]),
        (3, &"not_logged_in".into()),
        "{}",
        ended.err
    );
    assert_eq!(
        (&error["error"]["acked"], &error["error"]["kept"]),
        (&1.into(), &0.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_is_named_by_the_doctor_and_keeps_no_keys_from_being_destroyed() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let alice = Sealpost::new(&relay.addresses().url());
    for verb in [
        &["register", "alice"][..],
        &["login", "alice"],
        &["login", "alice", "--approve"],
    ] {
        let failed = run_with_room_for(0, &alice, verb);
        assert_eq!(failed.code, 1, "{verb:?}: {}", failed.err);
        assert_eq!(files(&alice), [""; 0], "{verb:?}");
    }
    alice.json(["register", "alice"]);
    // What is there can be read, and nothing of any size be added.
    let unwell = run_with_room_for(100, &alice, &["doctor"]);
    assert_eq!(unwell.code, 1, "{}", unwell.out);
    assert!(
        unwell.out.contains("FAILED  writing 131072 bytes"),
        "{}",
        unwell.out
    );

    let refused = run_with_room_for(0, &alice, &["logout"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("logout --forget --yes"), "{}", refused.err);
    alice.json(["doctor"]);
    run_with_room_for(0, &alice, &["logout", "--forget", "--yes"]).expect_done();
    assert_eq!(files(&alice), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn device_that_was_not_let_in_leaves_nothing_in_its_home() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    Sealpost::new(at).json(["register", "alice"]);
    let phone = Sealpost::new(at);
    let waiting = Waiting::start(&phone, "alice");
    let second = phone.run(["login", "alice", "--approve"]);
    assert_eq!(second.code, 2, "{}", second.err);
    kill_process(Pid::from_child(&waiting.login), Signal::INT).unwrap();
    assert_eq!(waiting.end().0.code, 130);
    assert_eq!(files(&phone), [""; 0]);
}
