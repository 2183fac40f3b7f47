//! What the command says and does when something is wrong, or is asked for wrongly.

use rustix::process::Signal;
use sealpost_tests::{command::Sealpost, database::Database, relay::Relay};
use serde_json::Value;

use super::{Garden, numbers, open_to_all, sending::Sending, text, texts};

#[tokio::test(flavor = "multi_thread")]
async fn revoked_session_is_not_authenticated_whatever_the_verb() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "kept here"]);
    alice.json(["tail", "garden"]);
    let second = Sealpost::new(at);
    second.json(["login", "alice"]);
    let devices = second.json(["devices", "list"]);
    let first = devices.iter().find(|device| device["current"] == false).unwrap();
    second.json(["devices", "revoke", &text(first, "session_id")[..8]]);

    let verbs: [&[&str]; 20] = [
        &["space", "list"],
        &["space", "show", "garden"],
        &["space", "members", "garden"],
        &["space", "create", "attic"],
        &["space", "rekey", "garden"],
        &["space", "add-member", "garden", "bob"],
        &["space", "remove-member", "garden", "bob"],
        &["space", "grant", "garden", "bob", "reader"],
        &["space", "policy", "garden", "--retention", "60"],
        &["space", "name", "garden", "yard"],
        &["space", "leave", "garden", "--yes"],
        &["space", "delete", "garden", "--yes"],
        &["tail", "garden", "--follow"],
        &["tail", "garden"],
        &["send", "garden", "too late"],
        &["devices", "list"],
        &["devices", "revoke", "aaaaaaaa"],
        &["contact", "import", "--handle", "bob"],
        &["account", "history"],
        &["doctor"],
    ];
    for verb in verbs {
        let ended = alice.run(verb);
        assert_eq!(ended.code, 3, "{verb:?}: {}", ended.err);
    }
    assert!(alice.run(["tail", "garden"]).out.contains("kept here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_patience_one_attempt_is_made() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let at_once = |verb: &[&str]| alice.run([&["--patience", "0"], verb].concat());
    assert_eq!(at_once(&["send", "garden", "hello"]).code, 0);
    assert_eq!(at_once(&["space", "members", "garden"]).code, 0);
    assert!(at_once(&["tail", "garden"]).expect_done().out.contains("hello"));
    relay.stop().await;
    assert_eq!(at_once(&["send", "garden", "nobody there"]).code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn space_that_the_relay_does_not_serve_leaves_nothing_behind() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let alice = Sealpost::new(&relay.addresses().url());
    alice.json(["register", "alice"]);
    let unknown = "ab".repeat(32);
    for verb in [
        &["tail", &unknown][..],
        &["send", &unknown, "hello?"],
        &["space", "show", &unknown],
        &["space", "members", &unknown],
    ] {
        let ended = alice.run(verb);
        assert_eq!(ended.code, 6, "{verb:?}: {}", ended.err);
    }
    assert_eq!(alice.run(["space", "name", &unknown, "garden"]).code, 2);
    assert_eq!(alice.json(["space", "list"]), Vec::<Value>::new());
    alice.json(["outbox", "list", &unknown]);
    let left = std::fs::read_dir(alice.file("home")).unwrap();
    let names = left.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.contains(&unknown)));
}

#[tokio::test(flavor = "multi_thread")]
async fn member_is_not_added_again_with_another_role() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let refused = alice.run(["space", "add-member", "garden", "bob", "--role", "reader"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(
        refused.err.contains("`sealpost space grant garden bob reader`"),
        "{}",
        refused.err
    );
    let members = alice.json(["space", "members", "garden"]);
    let of_bob = members.iter().find(|member| member["handle"] == "bob").unwrap();
    assert_eq!(of_bob["capabilities"], serde_json::json!(["write"]));
    // The same again is the end of what may have been cut short.
    let again = alice.json(["space", "add-member", "garden", "bob", "--role", "member"]);
    assert_eq!(again[0]["added"], false);
    let said = alice
        .run(["space", "add-member", "garden", "bob"])
        .expect_done()
        .out;
    assert!(said.contains("bob was a member of garden already."), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_send_counts_each_message_as_acked_or_kept() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let mut expected = Vec::new();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut sending = Sending::start(&alice, 100_000);
        sending.until_acked(200);
        sending.signal(signal);
        let (ended, told) = sending.end();
        assert_eq!(ended.code, code, "{}", ended.err);
        let error: Value = serde_json::from_str(&ended.err).unwrap();
        let count = |key: &str| error["error"][key].as_u64().unwrap();
        assert_eq!(count("acked"), told.lines().count() as u64);
        assert_eq!(
            alice.json(["outbox", "flush", "garden"])[0]["messages"],
            count("kept")
        );
        let sent = u32::try_from(count("acked") + count("kept")).unwrap();
        expected.extend(numbers(sent).lines().map(str::to_owned));
        assert_eq!(texts(&bob.json(["tail", "garden"])), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn device_that_logs_in_again_keeps_its_name() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let alice = Sealpost::new(&relay.addresses().url());
    alice.json(["--device-name", "Alice's laptop", "register", "alice"]);
    alice.json(["login", "alice"]);
    let devices = alice.json(["devices", "list"]);
    assert_eq!(
        (devices.len(), text(&devices[0], "device_name")),
        (1, "Alice's laptop")
    );
    let shown = alice.run(["devices", "list"]).out;
    for moment in ["since ", "used ", "until ", " UTC"] {
        assert!(shown.contains(moment), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slips_are_wrong_use_and_change_nothing() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let (alice, bob) = (Sealpost::new(at), Sealpost::new(at));
    alice.json(["register", "alice"]);
    let registered = bob.json(["register", "bob"]);
    alice.json(["contact", "import", "--handle", "bob"]);
    let mut digits = text(&registered[1], "fingerprint").to_owned();
    let wrong = if digits.ends_with('0') { "1" } else { "0" };
    digits.replace_range(digits.len() - 1.., wrong);
    let slip = alice.run(["contact", "confirm", "bob", "--fingerprint", &digits]);
    assert_eq!(slip.code, 2, "{}", slip.err);
    assert!(
        slip.err.contains("group 8") && !slip.err.contains("alarm"),
        "{}",
        slip.err
    );
    assert_eq!(alice.json(["contact", "list"])[0]["confirmed"], false);

    alice.json(["space", "create", "garden"]);
    let huge = "x".repeat(129);
    for name in ["", " ", "a\nb", &huge] {
        assert_eq!(alice.run(["space", "create", name]).code, 2, "{name:?}");
        assert_eq!(alice.run(["space", "name", "garden", name]).code, 2, "{name:?}");
    }
    for name in ["a\u{1b}b", &huge] {
        let refused = alice.run(["--device-name", name, "login", "alice"]);
        assert!(
            refused.code == 2 && refused.err.contains("128 bytes"),
            "{}",
            refused.err
        );
    }
    let nobody = alice.run(["contact", "remove", "carol"]);
    assert!(
        nobody.code == 6 && nobody.err.contains("no contact carol"),
        "{}",
        nobody.err
    );
    let unnamed = alice.run(["send", "garden", "x", "--content-type", "nonsense"]);
    assert_eq!(unnamed.code, 2, "{}", unnamed.err);
    assert_eq!(alice.json(["space", "list"]).len(), 1);

    let namesake = alice.run(["space", "create", "garden"]);
    assert!(
        namesake.code == 0 && namesake.err.contains("another space is called garden"),
        "{}",
        namesake.err
    );
    let both = alice.json(["space", "list"]);
    let unclear = alice.run(["tail", "garden"]);
    assert_eq!(unclear.code, 2);
    for space in &both {
        assert!(unclear.err.contains(text(space, "space")), "{}", unclear.err);
    }
    for handle in ["...", "-rf", "Alice"] {
        let refused = Sealpost::new(at).run(["register", "--", handle]);
        assert_eq!(refused.code, 2, "{}", refused.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_before_one_that_is_too_long_are_sent() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let input = ["one".to_owned(), "two".to_owned(), "x".repeat(200_000)].join("\n");
    let failed = alice.feed(["--json", "send", "garden"], input.as_bytes());
    let error: Value = serde_json::from_str(&failed.err).unwrap();
    assert_eq!((failed.code, &error["error"]["acked"]), (2, &2.into()));
    assert!(text(&error["error"], "message").starts_with("line 3 is longer"));
    assert_eq!(texts(&alice.json(["tail", "garden"])), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_a_space_again_under_another_name_is_told_the_old_one() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let made = alice.json(["invite", "create", "garden"]);
    let link = text(&made[0], "link").as_bytes();
    let joined = bob.feed(["join", "-", "--name", "yard"], link).expect_done();
    assert!(
        joined.out.contains("a member of yard") && joined.out.contains("called garden here until now"),
        "{}",
        joined.out
    );
}
