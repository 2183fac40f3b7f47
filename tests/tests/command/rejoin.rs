use sealpost_tests::{
    command::Sealpost,
    database::Database,
    proxy::{FaultProxy, Upstream, Weather},
    relay::Relay,
};
use serde_json::Value;

use super::{Garden, open_to_all, text, texts};

/// Does not fit into a page with anything else.
const LARGE: usize = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn who_left_or_was_removed_joins_again_by_a_fresh_link() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, space } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "first"]);
    assert_eq!(texts(&bob.json(["tail", "garden"])), ["first"]);
    let goodbyes: [&[&str]; 2] = [
        &["space", "leave", "garden", "--yes"],
        &["space", "remove-member", "garden", "bob"],
    ];
    let mut missed = Vec::new();
    for (goodbye, device) in goodbyes.into_iter().zip([&bob, &alice]) {
        device.json(goodbye);
        assert_eq!(bob.run(["tail", "garden"]).code, 6);
        let listed = bob.json(["space", "list"]);
        let state = if goodbye[1] == "leave" { "left" } else { "removed" };
        assert_eq!(text(&listed[0], "state"), state);
        for number in 0..3 {
            missed.push(format!("{number}{}", "x".repeat(LARGE)));
            alice
                .feed(["send", "garden"], missed.last().unwrap().as_bytes())
                .expect_done();
        }
        let made = alice.json(["invite", "create", "garden"]);
        let joined = bob.feed(["join", "-", "--json"], text(&made[0], "link").as_bytes());
        assert_eq!(text(&joined.expect_done().lines()[0], "state"), "member");
        let read = bob.json(["tail", "garden"]);
        assert_eq!(texts(&read)[1..], missed);
        bob.json(["send", "garden", "back again"]);
        missed.push("back again".to_owned());
        let listed = bob.json(["space", "list"]);
        assert_eq!((listed.len(), text(&listed[0], "name")), (1, "garden"));
        assert_eq!(text(&listed[0], "space"), space);
    }
    assert_eq!(alice.json(["space", "members", "garden"]).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn space_that_was_left_is_listed_as_such_until_it_is_forgotten() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let at = &relay.addresses().url();
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "kept here"]);
    bob.json(["tail", "garden"]);
    assert_eq!(text(&bob.json(["space", "list"])[0], "state"), "member");
    assert_eq!(bob.run(["space", "forget", "garden", "--yes"]).code, 2);
    bob.json(["space", "leave", "garden", "--yes"]);
    assert_eq!(text(&bob.json(["space", "list"])[0], "state"), "left");
    bob.json(["space", "forget", "garden", "--yes"]);
    assert!(bob.json(["space", "list"]).is_empty());
    assert!(!bob.run(["tail", "garden"]).out.contains("kept here"));
    alice.json(["space", "add-member", "garden", "bob"]);
    let listed = bob.json(["space", "list"]);
    assert_eq!(text(&listed[0], "state"), "member");
    let id = text(&listed[0], "space").to_owned();
    assert_eq!(texts(&bob.json(["tail", &id])), ["kept here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_never_sent_are_not_forgotten_with_their_space_by_a_slip() {
    let proxy = FaultProxy::start().await;
    let relay = Relay::start(open_to_all(&Database::create().await).behind(proxy.address())).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let at = &format!("http://{}", proxy.address());
    let Garden { alice, bob, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    bob.json(["send", "garden", "0"]);
    proxy.set_weather(Weather::Refusing);
    let failed = bob.feed(["--patience", "1", "send", "garden"], b"1\n2\n3\n");
    assert_eq!(failed.code, 4, "{}", failed.err);
    proxy.set_weather(Weather::Fair);
    alice.json(["space", "remove-member", "garden", "bob"]);

    let failed = bob.run(["--json", "send", "garden", "4"]);
    let error: Value = serde_json::from_str(&failed.err).unwrap();
    let counted = ["acked", "kept", "earlier"].map(|key| error["error"][key].as_u64().unwrap());
    assert_eq!(counted, [0, 0, 3]);
    let refused = bob.run(["--json", "space", "forget", "garden", "--yes"]);
    let error: Value = serde_json::from_str(&refused.err).unwrap();
    assert_eq!(
        (refused.code, &error["error"]["code"], &error["error"]["unsent"]),
        (1, &"unsent".into(), &3.into())
    );
    assert!(text(&error["error"], "hint").contains("--drop-unsent"));
    assert_eq!(texts(&bob.json(["outbox", "list", "garden"])), ["1", "2", "3"]);
    assert_eq!(bob.json(["space", "list"]).len(), 1);
    let forgotten = bob.json(["space", "forget", "garden", "--yes", "--drop-unsent"]);
    assert_eq!(forgotten[0]["dropped_unsent"], 3);
    assert!(bob.json(["space", "list"]).is_empty());
}
