use sealpost_tests::{
    command::Sealpost,
    database::Database,
    proxy::{FaultProxy, Upstream},
    relay::Relay,
};

use super::{Garden, open_to_all, text, texts};

#[tokio::test(flavor = "multi_thread")]
async fn alarm_stops_the_space_for_every_later_command_until_somebody_acknowledges_it() {
    let front = FaultProxy::start().await;
    let keys = tempfile::tempdir().unwrap();
    let key = keys
        .path()
        .join("kms.key")
        .into_os_string()
        .into_string()
        .unwrap();
    let serve = async |database: &Database| {
        let options = open_to_all(database).with("SEALPOST__KMS__FILE__PATH", &key);
        let relay = Relay::start(options.behind(front.address())).await;
        front.lead_to(Upstream::Tcp(relay.addresses().public));
        relay
    };
    let database = Database::create().await;
    let relay = serve(&database).await;
    let at = &format!("http://{}", front.address());
    let Garden { alice, space, .. } = Garden::new(Sealpost::new(at), Sealpost::new(at));
    alice.json(["send", "garden", "one"]);
    relay.stop().await;
    // The operator puts an old copy of the database in its place, and does not say so.
    let rolled_back = database.copy().await;
    let relay = serve(&database).await;
    alice.json(["send", "garden", "two"]);
    alice.json(["tail", "garden"]);
    relay.stop().await;
    let relay = serve(&rolled_back).await;
    let alarmed = alice.run(["send", "garden", "three"]);
    assert_eq!(alarmed.code, 5, "{}", alarmed.err);
    assert!(alarmed.err.contains("evidence acknowledge"), "{}", alarmed.err);
    relay.stop().await;

    let relay = serve(&database).await;
    for verb in [
        &["send", "garden", "three"][..],
        &["space", "members", "garden"],
        &["space", "leave", "garden", "--yes"],
        &["outbox", "flush", "garden"],
    ] {
        let ended = alice.run(verb);
        assert_eq!(ended.code, 5, "{verb:?}: {}", ended.err);
    }
    let listed = &alice.json(["space", "list"])[0];
    assert!(text(listed, "alarm").starts_with("the relay's log"), "{listed}");
    assert!(alice.run(["space", "list"]).out.contains("(stopped by an alarm)"));
    let kept = &alice.json(["evidence", "list", "garden"])[0]["evidence"];
    assert_eq!(text(&kept[0], "weight"), "standing");
    let asked = alice.run(["evidence", "acknowledge", "garden"]);
    assert_eq!(asked.code, 2, "there is no terminal to ask: {}", asked.err);
    assert_eq!(
        alice.run(["space", "members", "garden"]).code,
        5,
        "nothing was changed"
    );
    let acknowledged = &alice.json(["evidence", "acknowledge", "garden", "--yes"])[0];
    assert_eq!(acknowledged["acknowledged"], 1);
    assert_eq!(text(acknowledged, "space"), space);
    let again = alice.run(["evidence", "acknowledge", "garden"]).expect_done();
    assert!(
        again.out.contains("No alarm keeps garden stopped"),
        "{}",
        again.out
    );
    alice.json(["send", "garden", "four"]);
    assert_eq!(texts(&alice.json(["tail", "garden"])).last(), Some(&"four"));
    let kept = &alice.json(["evidence", "list", "garden"])[0]["evidence"];
    assert_eq!(text(&kept[0], "weight"), "acknowledged");
    relay.stop().await;
}
