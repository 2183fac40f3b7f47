//! The `sealpost` command at a real relay.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

#[path = "command/agents.rs"]
mod agents;
#[path = "command/alarms.rs"]
mod alarms;
#[path = "command/alone.rs"]
mod alone;
#[path = "command/approvals.rs"]
mod approvals;
#[path = "command/invites.rs"]
mod invites;
#[path = "command/leaving.rs"]
mod leaving;
#[path = "command/members.rs"]
mod members;
#[path = "command/rejoin.rs"]
mod rejoin;
#[path = "command/secrets.rs"]
mod secrets;
#[path = "command/sending.rs"]
mod sending;
#[path = "command/silence.rs"]
mod silence;
#[path = "command/terminal.rs"]
mod terminal;
#[path = "command/trouble.rs"]
mod trouble;

use std::io::{BufRead, BufReader};

use sealpost_tests::{
    command::{Ended, Sealpost},
    database::Database,
    proxy::{FaultProxy, Upstream, Weather},
    relay::{ChildRelay, Relay, RelayOptions},
};
use serde_json::Value;

use sending::Sending;

fn open_to_all(database: &Database) -> RelayOptions {
    RelayOptions::on(database).with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
}

/// Alice and Bob, who share a space that Alice calls `garden`.
struct Garden {
    alice: Sealpost,
    bob: Sealpost,
    space: String,
}

impl Garden {
    fn new(alice: Sealpost, bob: Sealpost) -> Self {
        alice.json(["register", "alice"]);
        let registered = bob.json(["register", "bob"]);
        let card = bob.run(["contact", "card"]).expect_done().out;
        alice.feed(["contact", "import"], card.as_bytes()).expect_done();
        let fingerprint = text(&registered[1], "fingerprint");
        alice.json(["contact", "confirm", "bob", "--fingerprint", fingerprint]);
        alice.json(["space", "create", "garden"]);
        alice.json(["space", "add-member", "garden", "bob"]);
        let space = text(&bob.json(["space", "list"])[0], "space").to_owned();
        bob.json(["space", "name", &space, "garden"]);
        Self { alice, bob, space }
    }
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("no {key} in {line}"))
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| text(line, "text")).collect()
}

fn numbers(last: u32) -> String {
    (1..=last).map(|number| format!("{number}\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_read_what_the_other_wrote() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, space } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let sent = alice.json(["send", "garden", "hello bob"]);
    let answered = bob.json(["send", "garden", "hello alice"]);
    let read = alice.json(["tail", "garden"]);
    assert_eq!(texts(&read), ["hello bob", "hello alice"]);
    assert_eq!(texts(&bob.json(["tail", &space])), ["hello bob", "hello alice"]);
    assert_eq!(text(&read[0], "event_id"), text(&sent[0], "event_id"));
    assert_eq!(read[1]["seq"], answered[0]["seq"]);
    assert_eq!(text(&read[0], "space"), space);
    assert_eq!(
        text(&read[0], "author"),
        text(&alice.json(["whoami"])[0], "principal_id")
    );
    let after = format!("{}:{}", read[0]["seq"], read[0]["index"]);
    assert_eq!(
        texts(&bob.json(["tail", "garden", "--after", &after])),
        ["hello alice"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_lines_are_packed_and_arrive_in_order() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let input = numbers(10_000);
    let acks = alice
        .feed(["send", "garden", "--json"], input.as_bytes())
        .expect_done()
        .lines();
    assert_eq!(acks.len(), 10_000);
    let first_and_last = [&acks[0]["seq"], &acks[9_999]["seq"]].map(|seq| seq.as_u64().unwrap());
    assert!(
        first_and_last[1] - first_and_last[0] < 1_000,
        "{first_and_last:?}"
    );
    let read = bob.json(["tail", "garden"]);
    assert!(texts(&read).into_iter().eq(input.lines()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_come_back_as_base64() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let file = alice.file("picture");
    std::fs::write(&file, [0xff, 0x00, 0x1b]).unwrap();
    alice.json(["send", "garden", "--file", file.to_str().unwrap()]);
    let read = bob.json(["tail", "garden"]);
    assert_eq!((text(&read[0], "base64"), read[0].get("text")), ("/wAb", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_sees_messages_as_they_come_and_ends_quietly_with_its_pipe() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let mut follower = bob
        .command(["--json", "tail", "garden", "--follow"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    for message in ["one", "two"] {
        alice.json(["send", "garden", message]);
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(text(&line, "text"), message);
    }
    drop(lines);
    alice.json(["send", "garden", "nobody reads this"]);
    let ended = Ended::of(follower);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_device_is_replaced_by_passphrase_and_by_recovery_code() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let alice = Sealpost::new(at);
    let code = alice.file("code");
    alice.json(["register", "alice", "--recovery-code-to", code.to_str().unwrap()]);
    alice.json(["space", "create", "garden"]);
    alice.json(["send", "garden", "remember this"]);
    let by_passphrase = Sealpost::new(at);
    by_passphrase.json(["login", "alice"]);
    assert_eq!(texts(&by_passphrase.json(["tail", "garden"])), ["remember this"]);
    let by_code = Sealpost::new(at);
    let mut login = by_code.command(["login", "--recovery"]);
    login
        .env("SEALPOST_RECOVERY_FILE", &code)
        .env_remove("SEALPOST_PASSPHRASE_FILE");
    Ended::of(login.spawn().unwrap()).expect_done();
    assert_eq!(texts(&by_code.json(["tail", "garden"])), ["remember this"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_killed_under_the_command_loses_doubles_and_skips_nothing() {
    let proxy = FaultProxy::start().await;
    let options = open_to_all(&Database::create().await).behind(proxy.address());
    let relay = ChildRelay::start(options).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let at = &format!("http://{}", proxy.address());
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let mut sending = Sending::start(&alice, 1_000);
    sending.until_acked(300);
    let _relay = relay.kill_9_and_restart().await;
    let (ended, acks) = sending.end();
    ended.expect_done();
    assert_eq!(acks.lines().count(), 1_000);
    let read = bob.json(["tail", "garden"]);
    assert!(texts(&read).into_iter().eq(numbers(1_000).lines()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_send_left_behind_is_listed_flushed_once_or_given_up() {
    let proxy = FaultProxy::start().await;
    let relay = Relay::start(open_to_all(&Database::create().await).behind(proxy.address())).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let at = &format!("http://{}", proxy.address());
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "0"]);

    proxy.set_weather(Weather::Refusing);
    let failed = alice.feed(["--json", "--patience", "1", "send", "garden"], b"1\n2\n3\n");
    assert_eq!(failed.code, 4, "{}", failed.err);
    let error: Value = serde_json::from_str(&failed.err).unwrap();
    assert_eq!(
        (&error["error"]["acked"], &error["error"]["kept"]),
        (&0.into(), &3.into())
    );
    assert_eq!(texts(&alice.json(["outbox", "list", "garden"])), ["1", "2", "3"]);

    proxy.set_weather(Weather::Fair);
    assert_eq!(alice.json(["outbox", "flush", "garden"])[0]["messages"], 3);
    assert_eq!(alice.json(["outbox", "flush", "garden"])[0]["messages"], 0);

    proxy.set_weather(Weather::Refusing);
    assert_eq!(
        alice
            .run(["--patience", "1", "send", "garden", "never mind"])
            .code,
        4
    );
    let given_up = alice.json(["outbox", "drop", "garden"]);
    assert_eq!(
        (&given_up[0]["messages"], &given_up[0]["events"]),
        (&1.into(), &1.into())
    );
    proxy.set_weather(Weather::Fair);
    alice.json(["send", "garden", "4"]);
    assert_eq!(texts(&bob.json(["tail", "garden"])), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_sent_even_when_nobody_reads_their_acks() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let input = alice.file("input");
    std::fs::write(&input, numbers(2_000)).unwrap();
    let mut sender = alice
        .command(["--json", "send", "garden"])
        .stdin(std::fs::File::open(&input).unwrap())
        .spawn()
        .unwrap();
    drop(sender.stdout.take());
    Ended::of(sender).expect_done();
    let read = bob.json(["tail", "garden"]);
    assert!(texts(&read).into_iter().eq(numbers(2_000).lines()));
}

#[tokio::test(flavor = "multi_thread")]
async fn earlier_keystores_are_listed_with_what_they_held() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, space, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let versions = alice.json(["account", "history"]);
    let oldest = versions.last().unwrap();
    assert_eq!(
        (&oldest["version"], &oldest["generation"]),
        (&1.into(), &1.into())
    );
    assert!(oldest["contacts"].as_array().unwrap().is_empty());
    assert_eq!(text(&versions[0]["contacts"][0], "handle"), "bob");
    assert_eq!(text(&versions[0]["spaces"][0], "space"), space);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_has_its_exit_code() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    assert_eq!(Sealpost::new(at).run(["register", "alice"]).code, 6);
    assert_eq!(Sealpost::new(at).run(["login", "nobody"]).code, 3);
    assert_eq!(alice.run(["login", "bob"]).code, 2);
    assert_eq!(alice.run(["send", "cellar", "hello"]).code, 2);
    let carol = Sealpost::new(at).json(["register", "carol"]);
    let of_carol = text(&carol[1], "fingerprint");
    let add = [
        "space",
        "add-member",
        "garden",
        "carol",
        "--fingerprint",
        of_carol,
    ];
    let not_permitted = bob.run(add);
    assert_eq!(not_permitted.code, 6, "{}", not_permitted.err);
    let not_hers = alice.run(["space", "add-member", "garden", "bob", "--fingerprint", of_carol]);
    assert_eq!(not_hers.code, 5, "{}", not_hers.err);
    alice.json(["send", "garden", "kept here"]);
    alice.json(["tail", "garden"]);
    relay.stop().await;
    let offline = alice.run(["--patience", "1", "tail", "garden"]);
    assert_eq!(offline.code, 4);
    assert!(offline.out.contains("kept here"), "{}", offline.err);
    assert_eq!(alice.run(["--patience", "1", "send", "garden", "later"]).code, 4);
    assert_eq!(alice.run(["devices", "list"]).code, 4);
    assert_eq!(alice.run(["doctor"]).code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_is_exported_begun_anew_and_deleted_by_the_command() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let alice = Sealpost::new(at);
    let first = alice.json(["register", "alice"]);
    alice.json(["space", "create", "garden"]);
    let with_files = |arguments: &[&str]| {
        let mut command = alice.command(arguments);
        for (variable, words) in [
            ("SEALPOST_EXPORT_PASSPHRASE_FILE", "words for the drawer"),
            ("SEALPOST_NEW_PASSPHRASE_FILE", "quite another passphrase"),
        ] {
            std::fs::write(alice.file(variable), words).unwrap();
            command.env(variable, alice.file(variable));
        }
        Ended::of(command.arg("--json").spawn().unwrap())
    };

    let file = alice
        .file("alice.sealpost")
        .into_os_string()
        .into_string()
        .unwrap();
    let written = with_files(&["account", "export", &file]).expect_done().lines();
    assert_eq!(text(&written[0], "principal_id"), text(&first[1], "principal_id"));
    let verified = with_files(&["account", "export", "--verify", &file])
        .expect_done()
        .lines();
    assert_eq!(verified, written);
    let again = with_files(&["account", "export", &file]);
    assert_eq!(again.code, 2, "{}", again.err);

    let secret = alice.json(["account", "device-secret", "enable"]);
    let new_device = Sealpost::new(at);
    assert_eq!(new_device.run(["login", "alice"]).code, 3);
    let mut login = new_device.command(["login", "alice", "--device-secret"]);
    std::fs::write(new_device.file("secret"), text(&secret[0], "device_secret")).unwrap();
    login.env("SEALPOST_DEVICE_SECRET_FILE", new_device.file("secret"));
    Ended::of(login.spawn().unwrap()).expect_done();

    let refused = with_files(&["account", "start-over"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    let begun = with_files(&["account", "start-over", "--yes"])
        .expect_done()
        .lines();
    // The secrets come before anything is changed, the identity after it.
    assert_ne!(text(&begun[0], "recovery_code"), text(&first[0], "recovery_code"));
    assert_ne!(text(&begun[1], "principal_id"), text(&first[1], "principal_id"));
    assert_eq!(new_device.run(["devices", "list"]).code, 3);
    let spaces = alice.json(["space", "list"]);
    assert_eq!(text(&spaces[0], "lost_with"), text(&first[1], "principal_id"));

    std::fs::write(alice.file("passphrase"), "quite another passphrase").unwrap();
    assert_eq!(alice.run(["account", "delete"]).code, 2);
    alice.json(["account", "delete", "--yes"]);
    assert_eq!(alice.run(["whoami"]).code, 3);
    let nobody = Sealpost::new(at);
    assert_eq!(nobody.run(["login", "alice"]).code, 3);
    nobody.json(["register", "alice"]);
}
