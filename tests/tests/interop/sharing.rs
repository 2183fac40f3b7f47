//! What the two clients tell each other, and what they keep when parts die.

use sealpost_sdk::Message;
use sealpost_tests::{
    database::Database,
    proxy::{FaultProxy, Upstream, Weather},
    relay::{ChildRelay, Relay, RelayOptions},
};
use serde_json::{Value, json};

use crate::scene::{Scene, open_to_all};
use sealpost_tests::interop::Client;

async fn relay() -> Relay {
    Relay::start(open_to_all(RelayOptions::on(&Database::create().await))).await
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn independent_client_and_sdk_read_and_answer_each_other() {
    let relay = relay().await;
    let scene = Scene::set(relay.addresses().url(), relay.addresses().public).await;
    scene.alice_says(&["before Bob", "grüße"]).await;
    scene.add_bob().await;
    scene.alice_says(&["hello Bob"]).await;
    let (mut bob, _home) = scene.bobs_client().await;
    let space = scene.space();
    assert_eq!(bob.ask(json!({"do": "spaces"})).await["spaces"], json!([space]));
    assert_eq!(bob.read(&space, 3).await, ["before Bob", "grüße", "hello Bob"]);
    let alone = bob
        .ask(json!({"do": "send", "space": space, "texts": ["hello", "Alice"]}))
        .await;
    let packed = json!({"do": "send", "space": space, "texts": ["all", "in", "one"], "packed": true});
    let packed = bob.ask(packed).await["acks"][0]["seq"].as_u64().unwrap();
    assert_eq!(alone["acks"][1]["seq"], packed - 1);
    let read = scene.alice_reads(8).await;
    assert_eq!(read[3..], ["hello", "Alice", "all", "in", "one"]);
    let place = bob
        .ask(json!({"do": "place", "space": space, "until": packed}))
        .await;
    let root = scene.garden.root_at(packed).await.unwrap().unwrap();
    assert_eq!(place["root"], root.to_string());
    let [alice, bob_] = [&scene.alice, &scene.bob].map(|client| client.account().principal_id.to_string());
    let members = place["members"].as_array().unwrap();
    assert!(
        [alice, bob_]
            .iter()
            .all(|id| members.contains(&Value::from(id.as_str())))
    );
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_reads_live_and_through_all_epochs() {
    let relay = relay().await;
    let scene = Scene::set(relay.addresses().url(), relay.addresses().public).await;
    for text in ["first", "second", "third"] {
        scene.alice_says(&[text]).await;
        scene.garden.rekey().await.unwrap();
    }
    scene.add_bob().await;
    let (mut bob, _home) = scene.bobs_client().await;
    let space = scene.space();
    assert_eq!(bob.read(&space, 3).await, ["first", "second", "third"]);
    bob.tell(json!({"do": "read", "space": space, "count": 2})).await;
    scene.alice_says(&["live"]).await;
    scene.garden.rekey().await.unwrap();
    scene.alice_says(&["live in epoch 5"]).await;
    assert_eq!(
        sealpost_tests::interop::texts(&bob.answer().await.unwrap()),
        ["live", "live in epoch 5"]
    );
    assert_eq!(bob.ask(json!({"do": "place", "space": space})).await["epoch"], 5);
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_caught_by_a_rekey_seals_again_at_the_same_index() {
    let proxy = FaultProxy::start().await;
    let options = RelayOptions::on(&Database::create().await).behind(proxy.address());
    let relay = Relay::start(open_to_all(options)).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let scene = Scene::shared(format!("http://{}", proxy.address()), relay.addresses().public).await;
    scene.alice_says(&["0"]).await;
    let (mut bob, _home) = scene.bobs_client().await;
    let space = scene.space();
    bob.ask(json!({"do": "send", "space": space, "texts": ["1"]}))
        .await;
    proxy.set_weather(Weather::Silent);
    bob.ask(json!({"do": "queue", "space": space, "texts": ["2", "3", "4"]}))
        .await;
    scene.garden.rekey().await.unwrap();
    proxy.set_weather(Weather::Fair);
    bob.ask(json!({"do": "acked"})).await;
    assert_eq!(scene.alice_reads(5).await, numbers(0..5));
    assert_eq!(bob.read(&space, 5).await, numbers(0..5));
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_killed_while_it_sends_goes_on_where_it_was() {
    let proxy = FaultProxy::start().await;
    let options = RelayOptions::on(&Database::create().await).behind(proxy.address());
    let relay = Relay::start(open_to_all(options)).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let scene = Scene::shared(format!("http://{}", proxy.address()), relay.addresses().public).await;
    let (mut bob, home) = scene.bobs_client().await;
    let space = scene.space();
    bob.ask(json!({"do": "send", "space": space, "texts": numbers(0..20)}))
        .await;
    proxy.set_weather(Weather::Silent);
    bob.ask(json!({"do": "queue", "space": space, "texts": numbers(20..40)}))
        .await;
    bob.kill_9().await;
    proxy.cut();
    proxy.set_weather(Weather::Fair);
    let mut bob = Client::open(&home).await;
    bob.ask(json!({"do": "send", "space": space, "texts": numbers(40..60)}))
        .await;
    scene.alice_says(&["60"]).await;
    assert_eq!(scene.alice_reads(61).await, numbers(0..61));
    assert_eq!(bob.read(&space, 61).await, numbers(0..61));
    relay.stop().await;
}

#[tokio::test]
async fn relay_killed_under_the_independent_client_loses_doubles_and_skips_nothing() {
    let proxy = FaultProxy::start().await;
    let options = RelayOptions::on(&Database::create().await).behind(proxy.address());
    let relay = ChildRelay::start(open_to_all(options)).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let scene = Scene::shared(format!("http://{}", proxy.address()), relay.addresses().public).await;
    let (mut bob, _home) = scene.bobs_client().await;
    let space = scene.space();
    bob.ask(json!({"do": "send", "space": space, "texts": numbers(0..50)}))
        .await;
    bob.tell(json!({"do": "send", "space": space, "texts": numbers(50..250)}))
        .await;
    let relay = relay.kill_9_and_restart().await;
    let acks = bob.answer().await.unwrap();
    assert_eq!(acks["acks"].as_array().unwrap().len(), 200);
    scene.garden.send(Message::text("250")).await.unwrap();
    assert_eq!(scene.alice_reads(251).await, numbers(0..251));
    assert_eq!(bob.read(&space, 251).await, numbers(0..251));
    drop(relay);
}
