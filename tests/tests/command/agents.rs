use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command},
};

use super::{Garden, open_to_all, text, texts};
use sealpost_tests::{
    command::{Ended, Sealpost},
    database::Database,
    proxy::{FaultProxy, Upstream, Weather},
    relay::Relay,
};
use serde_json::Value;

/// Repeats what it reads, as the simplest bot in a shell does.
const ECHO: &str =
    r#"while read -r line; do text=${line##*'"text":"'}; echo "you said: ${text%%'"'*}"; done"#;

/// Makes a pairing code for `helper`, and a machine that has it in a file.
fn paired(at: &str, owner: &Sealpost) -> Sealpost {
    let pairing = owner.json(["agent", "pair", "--name", "helper"]);
    let machine = Sealpost::new(at);
    std::fs::write(machine.file("code"), text(&pairing[0], "pairing_code")).unwrap();
    machine
}

fn enroll(machine: &Sealpost) -> Ended {
    let mut command = machine.command(["--json", "agent", "enroll"]);
    command.env("SEALPOST_PAIRING_FILE", machine.file("code"));
    Ended::of(command.spawn().unwrap())
}

/// Alice's helper, in her garden.
fn approved(at: &str, alice: &Sealpost) -> Sealpost {
    let helper = paired(at, alice);
    let enrolled = enroll(&helper).expect_done().lines();
    let words = text(&enrolled[0], "fingerprint_words");
    alice.json([
        "agent",
        "approve",
        "helper",
        "--space",
        "garden",
        "--fingerprint",
        words,
    ]);
    helper
}

fn run(helper: &Sealpost, bot: &str) -> Child {
    helper
        .command(["agent", "run", "--", "sh", "-c", bot])
        .spawn()
        .unwrap()
}

/// What somebody reads from now on.
fn follow(who: &Sealpost) -> (Child, BufReader<ChildStdout>) {
    let mut child = who
        .command(["--json", "tail", "garden", "--follow"])
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

fn next(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    text(&line, "text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_is_paired_compared_approved_answers_and_is_revoked() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, space } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "before it came"]);
    let helper = approved(at, &alice);
    let listed = alice.json(["agent", "list"]);
    assert_eq!(
        (text(&listed[0], "name"), &listed[0]["confirmed"]),
        ("helper", &true.into())
    );

    let (mut follower, mut lines) = follow(&bob);
    assert_eq!(next(&mut lines), "before it came");
    let bot = run(&helper, ECHO);
    bob.json(["send", "garden", "hello"]);
    assert_eq!([next(&mut lines), next(&mut lines)], ["hello", "you said: hello"]);
    let members = bob.json(["space", "members", "garden"]);
    assert_eq!(members.len(), 3);

    let revoked = alice.json(["agent", "revoke", "helper"]);
    assert_eq!(revoked[0]["removed_from"], serde_json::json!([space]));
    let ended = Ended::of(bot);
    assert!([3, 6].contains(&ended.code), "{ended:?}");
    bob.json(["send", "garden", "in peace"]);
    assert_eq!(next(&mut lines), "in peace");
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert_eq!(helper.run(["agent", "run", "--", "true"]).code, 3);
    assert!(alice.json(["agent", "list"]).is_empty());
    assert_eq!(alice.run(["agent", "revoke", "helper"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_agent_goes_on_where_it_was_and_ends_with_its_program() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    // Answers two messages and ends as it likes.
    let twice = ECHO.replace(
        "while read -r line; do",
        "for i in 1 2; do read -r line || exit 9;",
    );
    let twice = format!("{twice}; exit 7");
    for number in ["1", "2", "3", "4"] {
        bob.json(["send", "garden", number]);
    }
    assert_eq!(Ended::of(run(&helper, &twice)).code, 7);
    let (mut follower, mut lines) = follow(&alice);
    let read: Vec<_> = (0..6).map(|_| next(&mut lines)).collect();
    assert_eq!(read[4..], ["you said: 1", "you said: 2"]);
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_agent_finishes_its_answer_and_repeats_none() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    let (mut follower, mut lines) = follow(&bob);
    for number in ["1", "2"] {
        let bot = run(&helper, ECHO);
        bob.json(["send", "garden", number]);
        assert_eq!(next(&mut lines), number);
        assert_eq!(next(&mut lines), format!("you said: {number}"));
        let id = rustix::process::Pid::from_child(&bot);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        Ended::of(bot).expect_done();
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert_eq!(
        texts(&alice.json(["tail", "garden"])),
        ["1", "you said: 1", "2", "you said: 2"]
    );
}

/// The next line that a running command complains with.
fn complaint(bot: &mut BufReader<ChildStderr>) -> String {
    let mut line = String::new();
    bot.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// A file that who reads it waits for, until somebody writes to it.
fn gate(helper: &Sealpost) -> PathBuf {
    let path = helper.file("gate");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_that_cannot_be_sent_is_kept_and_the_command_fails() {
    let proxy = FaultProxy::start().await;
    let relay = Relay::start(open_to_all(&Database::create().await).behind(proxy.address())).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let at = &format!("http://{}", proxy.address());
    let Garden { alice, bob, space } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    let gate = gate(&helper);
    let bot = format!(
        "read -r line; echo heard >&2; cat {} >&2; echo 'too late'",
        gate.display()
    );
    let run = [
        "--json",
        "--patience",
        "1",
        "agent",
        "run",
        "--",
        "sh",
        "-c",
        &bot,
    ];
    let mut running = helper.command(run).spawn().unwrap();
    let mut complaints = BufReader::new(running.stderr.take().unwrap());
    bob.json(["send", "garden", "hello"]);
    assert_eq!(complaint(&mut complaints), "heard");
    proxy.set_weather(Weather::Refusing);
    proxy.cut();
    std::fs::write(&gate, "go\n").unwrap();
    assert_eq!(complaint(&mut complaints), "go");
    let failed: Value = serde_json::from_str(&complaint(&mut complaints)).unwrap();
    assert_eq!(Ended::of(running).code, 4);
    let counts = (&failed["error"]["acked"], &failed["error"]["kept"]);
    assert_eq!(counts, (&0.into(), &1.into()));

    proxy.set_weather(Weather::Fair);
    assert_eq!(helper.json(["outbox", "flush", &space])[0]["messages"], 1);
    assert_eq!(texts(&alice.json(["tail", "garden"])), ["hello", "too late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_is_being_written_when_the_agent_is_stopped_comes_whole_and_once() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    // More than a pipe holds, so that it is not written before it is read.
    bob.feed(["send", "garden"], "x".repeat(100_000).as_bytes())
        .expect_done();
    let gate = gate(&helper);
    let slow = format!(
        "dd bs=10 count=1 of=/dev/null 2>/dev/null; echo begun >&2; cat {} >/dev/null; echo \"lines: $(wc -l)\"",
        gate.display()
    );
    let mut running = run(&helper, &slow);
    let mut complaints = BufReader::new(running.stderr.take().unwrap());
    assert_eq!(complaint(&mut complaints), "begun");
    let id = rustix::process::Pid::from_child(&running);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    std::fs::write(&gate, "go\n").unwrap();
    Ended::of(running).expect_done();

    bob.json(["send", "garden", "next"]);
    let one = ECHO.replace("while read -r line; do", "for i in 1; do read -r line;");
    assert_eq!(Ended::of(run(&helper, &one)).code, 0);
    let read = alice.json(["tail", "garden"]);
    assert_eq!(texts(&read)[1..], ["lines: 1", "next", "you said: next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_keys_of_an_agent_are_not_destroyed_by_a_slip_and_its_doctor_finds_it_well() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    let findings = helper.json(["doctor"]);
    assert_eq!(findings[0]["healthy"], true);
    for forget in [&["logout"][..], &["logout", "--forget"]] {
        let refused = helper.run(forget);
        assert!(
            refused.code == 2 && refused.err.contains("--yes"),
            "{}",
            refused.err
        );
    }
    helper.json(["whoami"]);
    helper.json(["logout", "--forget", "--yes"]);
    alice.json(["agent", "revoke", "helper"]);
    alice.json(["logout", "--forget"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn used_altered_and_foreign_pairing_codes_and_fingerprints_are_refused() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = paired(at, &alice);
    let code = std::fs::read_to_string(helper.file("code")).unwrap();
    let altered = Sealpost::new(at);
    std::fs::write(altered.file("code"), format!("{}{}", &code[5..], &code[..4])).unwrap();
    assert_eq!(enroll(&altered).code, 2);
    enroll(&helper).expect_done();
    let second = Sealpost::new(at);
    std::fs::write(second.file("code"), &code).unwrap();
    let refused = enroll(&second);
    assert_eq!(refused.code, 6);
    assert!(refused.err.contains("pairing_code_invalid"), "{}", refused.err);
    assert_eq!(enroll(&helper).code, 2);

    let of_bob = bob.json(["fingerprint"]);
    let of_bob = text(&of_bob[0], "fingerprint");
    let approve = ["agent", "approve", "helper", "--space", "garden"];
    let with = |fingerprint| alice.run(approve.into_iter().chain(["--fingerprint", fingerprint]));
    assert_eq!(with(of_bob).code, 5);
    assert_eq!(with("one two three").code, 2);
    assert_eq!(alice.run(approve).code, 2);
    assert_eq!(bob.run(approve).code, 2);
    assert_eq!(alice.json(["space", "members", "garden"]).len(), 2);
    assert_eq!(helper.run(["agent", "run", "--", "true"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_may_not_touch_the_account_of_its_owner() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    for verb in [
        &["agent", "list"][..],
        &["agent", "pair", "--name", "other"],
        &["contact", "look-up", "bob"],
    ] {
        let refused = helper.run(verb.iter().copied());
        assert!([2, 6].contains(&refused.code), "{verb:?}: {refused:?}");
    }
    let owners: [&[&str]; 14] = [
        &["agent", "list"],
        &["agent", "revoke", "helper"],
        &["login", "alice"],
        &["register", "alice"],
        &["passphrase", "change"],
        &["recovery-code", "new"],
        &["account", "export", "file"],
        &["account", "history"],
        &["account", "delete", "--yes"],
        &["devices", "approve"],
        &["invite", "create", "garden"],
        &["join", "link"],
        &["space", "create", "cellar"],
        &["space", "remove-member", "garden", "bob"],
    ];
    for verb in owners {
        let refused = helper.run(verb.iter().copied().chain(["--json"]));
        assert_eq!(
            (refused.code, error_word(&refused.err)),
            (2, "agents_home".to_owned()),
            "{verb:?}"
        );
    }
    assert!(!helper.file("file").exists());
    assert_eq!(alice.run(["agent", "run", "--", "true"]).code, 2);
    helper.json(["devices", "list"]);

    let own = helper.json(["whoami"]);
    assert_eq!(text(&own[0], "kind"), "agent");
    let owner = alice.json(["whoami"]);
    assert_eq!(text(&owner[0], "kind"), "human");
    assert_eq!(
        text(&own[0]["owner"], "fingerprint"),
        text(&owner[0], "fingerprint")
    );
}

/// The stable word of an error on stderr.
fn error_word(line: &str) -> String {
    let error: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    text(&error["error"], "code").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_agent_is_told_so_by_every_verb_and_not_to_log_in() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, space, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    let listed = alice.json(["agent", "list"]);
    alice.json(["agent", "revoke", &text(&listed[0], "principal_id")[..8]]);
    let verbs: [&[&str]; 5] = [
        &["agent", "run", "--", "true"],
        &["tail", &space],
        &["send", &space, "hello"],
        &["space", "list"],
        &["devices", "list"],
    ];
    for verb in verbs {
        let ended = helper.run([&["--json"], verb].concat());
        assert_eq!(
            (ended.code, error_word(&ended.err)),
            (3, "agent_revoked".to_owned()),
            "{verb:?}"
        );
        assert!(
            ended.err.contains("revoked by its owner") && ended.err.contains("pair again"),
            "{ended:?}"
        );
        assert!(!ended.err.contains("og in"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_add_an_agent_to_a_space_of_theirs_keep_it_from_nothing() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, space } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    let carol = Sealpost::new(at);
    carol.json(["register", "carol"]);
    let card = helper.run(["contact", "card"]).expect_done().out;
    carol.feed(["contact", "import"], card.as_bytes()).expect_done();
    let fingerprint = helper.json(["fingerprint"]);
    let fingerprint = text(&fingerprint[0], "fingerprint");
    carol.json(["contact", "confirm", "helper", "--fingerprint", fingerprint]);
    carol.json(["space", "create", "trap"]);
    carol.json(["send", "trap", "before it came"]);
    carol.json(["space", "add-member", "trap", "helper"]);
    let trap = carol.json(["space", "list"]);
    let trap = text(&trap[0], "space");

    bob.json(["send", "garden", "hello"]);
    let ended = helper.run([
        "--json",
        "agent",
        "run",
        "--",
        "sh",
        "-c",
        "read -r line; echo answered",
    ]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(error_word(&ended.err), "agent_added_by_another");
    assert!(
        ended.err.contains(trap) && !ended.err.contains(&space),
        "{}",
        ended.err
    );
    assert_eq!(texts(&bob.json(["tail", "garden"])), ["hello", "answered"]);
    assert_eq!(helper.run(["tail", trap]).code, 6);

    helper.json(["space", "leave", trap, "--yes"]);
    assert_eq!(carol.json(["space", "members", "trap"]).len(), 1);
    assert_eq!(helper.json(["space", "list"]).len(), 1);
    let quiet = helper.run(["--json", "agent", "run", "--", "true"]).expect_done();
    assert_eq!(quiet.err, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn line_that_no_message_can_hold_is_told_and_the_bot_goes_on() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    let bot = "head -c 122881 /dev/zero | tr '\\0' x; echo; echo next";
    let ended = helper.run(["--json", "agent", "run", "--", "sh", "-c", bot]);
    assert_eq!(
        (ended.code, error_word(&ended.err)),
        (0, "message_too_long".to_owned())
    );
    assert_eq!(texts(&alice.json(["tail", "garden"])), ["next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_of_a_home_at_a_time_answers() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let helper = approved(at, &alice);
    let (mut follower, mut lines) = follow(&bob);
    let first = run(&helper, ECHO);
    bob.json(["send", "garden", "1"]);
    assert_eq!([next(&mut lines), next(&mut lines)], ["1", "you said: 1"]);
    let second = helper.run(["--json", "agent", "run", "--", "sh", "-c", ECHO]);
    assert_eq!(
        (second.code, error_word(&second.err)),
        (1, "agent_runs".to_owned())
    );
    let id = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    Ended::of(first).expect_done();
    helper.json(["agent", "run", "--", "true"]);
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn second_agent_of_one_name_is_refused_and_its_code_kept() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let alice = Sealpost::new(at);
    alice.json(["register", "alice"]);
    let (first, second) = (paired(at, &alice), paired(at, &alice));
    enroll(&first).expect_done();
    let refused = enroll(&second);
    assert_eq!(
        (refused.code, error_word(&refused.err)),
        (6, "agent_name_taken".to_owned())
    );
    let listed = alice.json(["agent", "list"]);
    assert_eq!(listed.len(), 1);
    alice.json(["agent", "revoke", "helper"]);
    // The home that was refused is empty still.
    enroll(&second).expect_done();
}
