use super::{Garden, open_to_all, text, texts};
use sealpost_tests::{
    command::{Ended, Sealpost},
    database::Database,
    relay::Relay,
};

#[tokio::test(flavor = "multi_thread")]
async fn removed_member_is_refused_and_keeps_what_was_read() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "for both"]);
    assert_eq!(texts(&bob.json(["tail", "garden"])), ["for both"]);
    let removed = alice.json(["space", "remove-member", "garden", "bob"]);
    assert_eq!(removed[0]["epoch"], 2);
    alice.json(["send", "garden", "for Alice"]);

    let tail = bob.run(["--json", "tail", "garden"]);
    assert_eq!(tail.code, 6, "{}", tail.err);
    assert!(tail.err.contains("no longer a member"), "{}", tail.err);
    assert_eq!(texts(&tail.lines()), ["for both"]);
    let send = bob.run(["send", "garden", "x"]);
    assert_eq!(send.code, 6, "{}", send.err);
    let again = alice.run(["space", "remove-member", "garden", "bob"]);
    assert_eq!(again.code, 2, "{}", again.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn capabilities_are_given_and_shown() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let refused = bob.run(["space", "grant", "garden", "bob", "owner"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    alice.json(["space", "grant", "garden", "bob", "reader"]);
    let refused = bob.run(["send", "garden", "x"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    alice.json(["space", "grant", "garden", "bob", "write,manage"]);
    bob.json(["send", "garden", "x"]);
    let members = alice.json(["space", "members", "garden"]);
    let of_bob = members.iter().find(|member| member["handle"] == "bob").unwrap();
    assert_eq!(of_bob["capabilities"], serde_json::json!(["write", "manage"]));
    let policy = alice.json(["space", "policy", "garden", "--retention", "86400"]);
    assert_eq!(
        (&policy[0]["share_history"], &policy[0]["retention_seconds"]),
        (&true.into(), &86_400.into())
    );
    assert_eq!(bob.json(["space", "policy", "garden"]), policy);
}

#[tokio::test(flavor = "multi_thread")]
async fn last_manager_hands_over_before_leaving() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, space } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    let refused = alice.run(["space", "leave", "garden", "--yes"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    assert!(refused.err.contains("hand it over first"), "{}", refused.err);
    alice.json(["space", "grant", "garden", "bob", "owner"]);
    assert_eq!(
        text(&alice.json(["space", "leave", "garden", "--yes"])[0], "space"),
        space
    );
    // Waits until the space has the new key, which Bob's own command makes.
    bob.json(["send", "garden", "alone now"]);
    assert_eq!(bob.json(["space", "members", "garden"]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn member_who_started_over_is_put_in_the_place_of_the_old_keys() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "before"]);
    let old = text(&bob.json(["whoami"])[0], "principal_id").to_owned();
    let mut start_over = bob.command(["account", "start-over", "--yes"]);
    std::fs::write(bob.file("new"), "a new passphrase of words").unwrap();
    start_over.env("SEALPOST_NEW_PASSPHRASE_FILE", bob.file("new"));
    Ended::of(start_over.spawn().unwrap()).expect_done();

    let same = alice.run(["space", "replace-member", "garden", &old[..12], "bob"]);
    assert_eq!(same.code, 5, "{}", same.err);
    assert!(
        same.err.contains("remove the contact and confirm it again"),
        "{}",
        same.err
    );
    assert_eq!(alice.json(["space", "members", "garden"]).len(), 2);
    alice.json(["contact", "remove", "bob"]);
    let fingerprint = bob.json(["fingerprint"]);
    let fingerprint = text(&fingerprint[0], "fingerprint");
    let replace = [
        "space",
        "replace-member",
        "garden",
        &old[..12],
        "bob",
        "--fingerprint",
    ];
    let replaced = alice.json([&replace[..], &[fingerprint]].concat());
    assert_eq!(
        (text(&replaced[0], "old_principal_id"), &replaced[0]["epoch"]),
        (&*old, &2.into())
    );
    alice.json(["send", "garden", "after"]);
    assert!(bob.json(["space", "list"])[0]["lost_with"].is_string());
    assert_eq!(texts(&bob.json(["tail", "garden"])), ["before", "after"]);
    assert!(bob.json(["space", "list"])[0]["lost_with"].is_null());
    assert_eq!(alice.json(["space", "members", "garden"]).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn member_who_comes_back_by_an_export_gets_the_key_from_whoever_looks_in() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "hello"]);
    let carol = Sealpost::new(at);
    carol.json(["register", "carol"]);
    let made = alice.json(["invite", "create", "garden"]);
    carol
        .feed(
            ["join", "-", "--name", "garden"],
            text(&made[0], "link").as_bytes(),
        )
        .expect_done();
    assert_eq!(texts(&carol.json(["tail", "garden"])), ["hello"]);
    let file = carol.file("carol.sealpost");
    let file = file.to_str().unwrap();
    let with_file = |arguments: &[&str]| {
        let mut command = carol.command(arguments);
        command.env("SEALPOST_EXPORT_PASSPHRASE_FILE", carol.file("passphrase"));
        Ended::of(command.spawn().unwrap()).expect_done();
    };
    with_file(&["account", "export", file]);
    carol.json(["account", "delete", "--yes"]);
    with_file(&["--json", "account", "import", file, "carol"]);
    let without = carol.run(["tail", "garden"]);
    assert!(without.err.contains("has no key"), "{}", without.err);
    alice.json(["tail", "garden"]);
    assert_eq!(texts(&carol.json(["tail", "garden"])), ["hello"]);
}
