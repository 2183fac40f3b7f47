use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use sealpost_sdk::{Error, Message, Packing, Position, Sent, Space, SpaceOptions};
use sealpost_tests::{
    database::{Database, OwnPostgres},
    proxy::{FaultProxy, Upstream},
    relay::{ChildRelay, Relay, RelayOptions},
};
use sqlx::Row;
use tempfile::TempDir;
use tokio::sync::watch;
use toml::toml;

use crate::people::{Pair, Person, Way, open_to_all, read, read_from_start};

const MESSAGES: u64 = 2_000;

/// Sends numbered messages, one per event; the ledger keeps each ack, and `acked` tells how many there are.
struct Numbered {
    ledger: Arc<Mutex<Vec<Sent>>>,
    acked: watch::Receiver<u64>,
    sending: tokio::task::JoinHandle<u64>,
}

impl Numbered {
    fn start(space: &Space) -> Self {
        let (tell, acked) = watch::channel(0);
        let ledger = Arc::<Mutex<Vec<Sent>>>::default();
        let kept = Arc::clone(&ledger);
        let mut sender = space.sender(Packing::OnePerEvent).on_acked(move |sent, count| {
            kept.lock().unwrap().push(*sent);
            tell.send_replace(count);
        });
        let sending = tokio::spawn(async move {
            for number in 0..MESSAGES {
                sender.feed(Message::text(number.to_string())).await.unwrap();
            }
            sender.flush().await.unwrap()
        });
        Self {
            ledger,
            acked,
            sending,
        }
    }

    async fn until_acked(&mut self, count: u64) {
        self.acked.wait_for(|acked| *acked >= count).await.unwrap();
    }

    /// Waits for the last ack, then holds the ledger against what a new device reads.
    async fn expect_each_once(self, person: &Person, space: &Space) {
        assert_eq!(self.sending.await.unwrap(), MESSAGES);
        let client = person.new_device("auditor").await;
        let audited = client.space(space.id()).await.unwrap();
        let mut messages = audited.subscribe(Position::START);
        let ledger = self.ledger.lock().unwrap().clone();
        for (number, acked) in ledger.iter().enumerate() {
            let message = messages.next().await.unwrap().unwrap();
            assert_eq!(
                message.body,
                number.to_string().into_bytes(),
                "lost, doubled or out of order"
            );
            assert_eq!((message.seq, message.event_id), (acked.seq, acked.event_id));
        }
        let first = ledger[0].seq;
        assert_eq!(audited.sync().await.unwrap().seq, first + MESSAGES - 1, "gaps");
    }
}

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

/// Options for relays that share one database, one key and one name.
struct Cluster {
    database: Database,
    keys: TempDir,
    name: FaultProxy,
}

impl Cluster {
    async fn new() -> Self {
        let name = FaultProxy::start().await;
        let (database, keys) = (Database::create().await, tempfile::tempdir().unwrap());
        Self { database, keys, name }
    }

    async fn relay(&self) -> Relay {
        let path = self.keys.path().join("kms.key");
        let path = path.to_str().unwrap();
        let section = toml! {
            kind = "file"
            file.path = path
        };
        let options = RelayOptions::on(&self.database).with_kms(section);
        Relay::start(open_to_all(options).behind(self.name.address())).await
    }

    fn way(&self, relay: &Relay) -> Way {
        Way {
            url: format!("http://{}", self.name.address()),
            connect_to: Some(relay.addresses().public),
        }
    }
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

#[tokio::test]
async fn people_at_two_relays_on_one_database_share_a_space() {
    let cluster = Cluster::new().await;
    let relays = [cluster.relay().await, cluster.relay().await];
    let ways = relays.each_ref().map(|relay| cluster.way(relay));
    let pair = Pair::meet_in([&ways[0], &ways[1]], SpaceOptions::default()).await;
    let feed = |space: Space, name: &'static str| async move {
        let mut sender = space.sender(Packing::OnePerEvent);
        for number in 0..200 {
            sender
                .feed(Message::text(format!("{name} {number}")))
                .await
                .unwrap();
        }
        sender.flush().await.unwrap()
    };
    tokio::join!(feed(pair.alices.clone(), "alice"), feed(pair.bobs.clone(), "bob"));
    let at_alice = read_from_start(&pair.alices, 400).await;
    assert_eq!(read_from_start(&pair.bobs, 400).await, at_alice);
    let (alices, bobs) = tokio::join!(pair.alices.sync(), pair.bobs.sync());
    assert_eq!(alices.unwrap(), bobs.unwrap(), "one log, one root");
    for name in ["alice", "bob"] {
        let of_one = at_alice.iter().filter(|text| text.starts_with(name));
        assert!(
            of_one
                .cloned()
                .eq((0..200).map(|number| format!("{name} {number}")))
        );
    }
    for relay in relays {
        relay.stop().await;
    }
}
