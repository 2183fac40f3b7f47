use futures_util::StreamExt;
use sealpost_sdk::{Error, Message, Position, SpaceOptions};
use sealpost_tests::{
    database::{Database, OwnPostgres},
    proxy::{FaultProxy, Upstream},
    relay::{ChildRelay, Relay, RelayOptions},
};
use sqlx::Row;

use crate::cluster::Cluster;
use crate::numbered::{MESSAGES, Numbered};
use crate::people::{Pair, Person, Way, open_to_all, read, read_from_start};

/// A relay as a process of its own, reached by an address that it keeps.
async fn child_relay() -> (ChildRelay, FaultProxy, Way) {
    let proxy = FaultProxy::start().await;
    let options = open_to_all(RelayOptions::on(&Database::create().await)).behind(proxy.address());
    let relay = ChildRelay::start(options).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let way = Way::to(format!("http://{}", proxy.address()));
    (relay, proxy, way)
}

#[tokio::test]
async fn relay_killed_under_a_sender_loses_doubles_and_skips_nothing() {
    let (mut relay, _proxy, way) = child_relay().await;
    let (alice, client) = Person::register("alice", &way).await;
    let space = client
        .create_space("garden", SpaceOptions::default())
        .await
        .unwrap();
    let mut numbered = Numbered::start(&space);
    for acked in [500, 900, 1_400] {
        numbered.until_acked(acked).await;
        relay = relay.kill_9_and_restart().await;
    }
    numbered.expect_each_once(&alice, &space).await;
}

#[tokio::test]
async fn postgres_killed_under_a_sender_loses_doubles_and_skips_nothing() {
    let mut postgres = OwnPostgres::start().await;
    let relay = Relay::start(open_to_all(RelayOptions::at(&postgres.url()))).await;
    let way = Way::to(relay.addresses().url());
    let (alice, client) = Person::register("alice", &way).await;
    let space = client
        .create_space("garden", SpaceOptions::default())
        .await
        .unwrap();
    let mut numbered = Numbered::start(&space);
    for acked in [500, 1_200] {
        numbered.until_acked(acked).await;
        postgres = postgres.kill_9_and_restart().await;
    }
    numbered.expect_each_once(&alice, &space).await;
    relay.stop().await;
}

/// Nobody tells the relay: what it waits for on these links never comes, and each of them has a place in its pool.
#[tokio::test]
async fn links_that_went_silent_are_given_up_and_the_next_ones_work() {
    let (postgres, link) = (OwnPostgres::start().await, FaultProxy::start().await);
    link.lead_to(Upstream::Unix(postgres.socket()));
    let url = format!("postgres://sealpost@{}/sealpost?sslmode=disable", link.address());
    let options = open_to_all(RelayOptions::at(&url));
    let relay = Relay::start(options.with("SEALPOST__DATABASE__STATEMENT_TIMEOUT_MS", "500")).await;
    let way = Way::to(relay.addresses().url());
    let (alice, client) = Person::register("alice", &way).await;
    let space = client
        .create_space("garden", SpaceOptions::default())
        .await
        .unwrap();
    let mut numbered = Numbered::start(&space);
    numbered.until_acked(500).await;
    assert!(link.freeze(|_, _| true) > 1);
    numbered.until_acked(1_000).await;
    // Those that were idle, too.
    link.freeze(|_, _| true);
    numbered.expect_each_once(&alice, &space).await;
    relay.stop().await;
}

#[tokio::test]
async fn network_cut_again_and_again_loses_doubles_and_skips_nothing() {
    let proxy = FaultProxy::start().await;
    let options = open_to_all(RelayOptions::on(&Database::create().await)).behind(proxy.address());
    let relay = Relay::start(options).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let way = Way::to(format!("http://{}", proxy.address()));
    let (alice, client) = Person::register("alice", &way).await;
    let space = client
        .create_space("garden", SpaceOptions::default())
        .await
        .unwrap();
    let mut numbered = Numbered::start(&space);
    for acked in (100..MESSAGES).step_by(200) {
        numbered.until_acked(acked).await;
        proxy.cut();
    }
    numbered.expect_each_once(&alice, &space).await;
    relay.stop().await;
}

#[tokio::test]
async fn reader_goes_on_where_it_was_when_the_relay_comes_back() {
    let (relay, _proxy, way) = child_relay().await;
    let pair = Pair::meet(&way).await;
    let mut at_bob = pair.bobs.subscribe(Position::START);
    pair.alices.send(Message::text("before")).await.unwrap();
    assert_eq!(read(&mut at_bob, 1).await, ["before"]);
    let _relay = relay.kill_9_and_restart().await;
    pair.alices.send(Message::text("after")).await.unwrap();
    assert_eq!(read(&mut at_bob, 1).await, ["after"]);
}

#[tokio::test]
async fn restarted_process_reads_what_it_had_without_a_relay() {
    let relay = Relay::start(open_to_all(RelayOptions::on(&Database::create().await))).await;
    let pair = Pair::meet(&Way::to(relay.addresses().url())).await;
    pair.alices.send(Message::text("kept")).await.unwrap();
    assert_eq!(read_from_start(&pair.bobs, 1).await, ["kept"]);
    let id = pair.bobs.id();
    drop((pair.bobs, pair.bobs_client));
    relay.stop().await;
    let space = pair.bob.restarted().await.space(id).await.unwrap();
    assert_eq!(read_from_start(&space, 1).await, ["kept"]);
    assert!(matches!(space.sync().await, Err(Error::Network(_))));
}

#[tokio::test]
async fn row_changed_by_one_byte_is_reported_with_its_place() {
    let cluster = Cluster::new().await;
    let relay = cluster.relay().await;
    cluster.name.lead_to(Upstream::Tcp(relay.addresses().public));
    let pair = Pair::meet(&Way::to(cluster.way(&relay).url)).await;
    let mut seqs = Vec::new();
    for text in ["one", "two", "three"] {
        seqs.push(pair.alices.send(Message::text(text)).await.unwrap().seq);
    }
    relay.stop().await;
    change_one_byte(&cluster.database, seqs[1]).await;
    let relay = cluster.relay().await;
    cluster.name.lead_to(Upstream::Tcp(relay.addresses().public));
    let client = pair.bob.new_device("second").await;
    let space = client.space(pair.alices.id()).await.unwrap();
    let mut messages = space.subscribe(Position::START);
    assert_eq!(read(&mut messages, 1).await, ["one"]);
    let Some(Err(Error::Integrity(alarm))) = messages.next().await else {
        panic!("expected an alarm");
    };
    assert_eq!(alarm.seq, Some(seqs[1]));
    assert!(messages.next().await.is_none());
    relay.stop().await;
}

async fn change_one_byte(database: &Database, seq: u64) {
    let seq = i64::try_from(seq).unwrap();
    let changed = sqlx::query(
        "UPDATE events SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE seq = $1 RETURNING seq",
    )
    .bind(seq)
    .fetch_one(&mut database.connect().await)
    .await
    .unwrap();
    assert_eq!(changed.get::<i64, _>(0), seq);
}
