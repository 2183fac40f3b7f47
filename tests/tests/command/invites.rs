use super::{open_to_all, text, texts};
use sealpost_tests::{
    command::{Ended, Sealpost},
    database::Database,
    relay::Relay,
};

#[tokio::test(flavor = "multi_thread")]
async fn link_brings_a_newcomer_in_once_and_altered_never() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let (alice, bob, carol) = (Sealpost::new(at), Sealpost::new(at), Sealpost::new(at));
    for (device, name) in [(&alice, "alice"), (&bob, "bob"), (&carol, "carol")] {
        device.json(["register", name]);
    }
    alice.json(["space", "create", "garden"]);
    alice.json(["send", "garden", "welcome"]);
    let link = text(&alice.json(["invite", "create", "garden"])[0], "link").to_owned();
    assert!(link.starts_with(&format!("{at}/i#")), "{link}");
    assert_eq!(alice.json(["invite", "list", "garden"])[0]["uses_left"], 1);

    for place in [link.len() - 1, link.len() / 2, at.len() + 4] {
        let mut altered: Vec<char> = link.chars().collect();
        altered[place] = if altered[place] == 'A' { 'B' } else { 'A' };
        let altered: String = altered.into_iter().collect();
        let refused = bob.run(["join", &altered]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(
            refused.err.contains("not a complete invite link"),
            "{}",
            refused.err
        );
    }
    let joined = bob.json(["join", &link, "--name", "garden"]);
    assert_eq!(joined[0]["state"], "member");
    assert_eq!(texts(&bob.json(["tail", "garden"])), ["welcome"]);

    let refused = carol.feed(["join", "-"], link.as_bytes());
    assert_eq!(refused.code, 6, "{}", refused.err);
    assert!(refused.err.contains("invite"), "{}", refused.err);
    assert!(alice.json(["invite", "list", "garden"]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_approval_sees_it_and_is_let_in_by_the_words_of_the_fingerprint() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let (alice, bob) = (Sealpost::new(at), Sealpost::new(at));
    alice.json(["register", "alice"]);
    bob.json(["register", "bob"]);
    alice.json(["space", "create", "garden"]);
    let link = alice.json(["invite", "create", "garden", "--approval"]);
    let link = text(&link[0], "link");
    // No name is given: that would list the space by itself.
    assert_eq!(bob.feed(["join", "-"], link.as_bytes()).expect_done().err, "");
    let listed = bob.json(["space", "list"]);
    assert_eq!(
        (listed.len(), &listed[0]["waiting_for_approval"]),
        (1, &true.into())
    );
    assert!(bob.run(["space", "list"]).out.contains("(waiting for approval)"));
    let phone = Sealpost::new(at);
    phone.json(["login", "bob"]);
    assert_eq!(phone.json(["space", "list"])[0]["waiting_for_approval"], true);

    let approve =
        |fingerprint: &str| alice.run(["invite", "approve", "garden", "--fingerprint", fingerprint]);
    let of_bob = bob.json(["fingerprint"]);
    let of_bob = text(&of_bob[0], "fingerprint_words");
    let own = alice.json(["fingerprint"]);
    for wrong in [text(&own[0], "fingerprint_words"), "one two three", ""] {
        let Ended { code, err, .. } = approve(wrong);
        assert_eq!(code, 2, "{err}");
    }
    let approved = approve(of_bob).expect_done().out;
    assert!(approved.ends_with(" is a member of garden.\n"), "{approved}");
    assert_eq!(bob.json(["space", "list"])[0]["waiting_for_approval"], false);
    assert!(!bob.run(["space", "list"]).out.contains("waiting"));
    assert_eq!(alice.json(["space", "members", "garden"]).len(), 2);
}
