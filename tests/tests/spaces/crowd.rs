//! Six writers in three spaces, a reader in each, and a ledger of what was acknowledged to whom.

use std::sync::{Arc, Mutex};

use sealpost_protocol::chain::Capabilities;
use sealpost_sdk::{Message, Packing, Position, Sent, Space, SpaceOptions};
use sealpost_tests::{
    database::{Database, OwnPostgres},
    proxy::{FaultProxy, Upstream},
    relay::{ChildRelay, Relay, RelayOptions},
};
use tokio::{sync::watch, task::JoinHandle};

use crate::people::{Pair, Way, open_to_all, read, read_from_start};

const SPACES: usize = 3;
/// By each of the two writers of a space.
const MESSAGES: usize = 300;

/// One who sends numbered messages under a name, one per event.
struct Writer {
    name: &'static str,
    ledger: Arc<Mutex<Vec<Sent>>>,
    sending: JoinHandle<()>,
}

impl Writer {
    fn start(name: &'static str, space: &Space, acked_in_all: watch::Sender<usize>) -> Self {
        let ledger = Arc::<Mutex<Vec<Sent>>>::default();
        let kept = Arc::clone(&ledger);
        let mut sender = space.sender(Packing::OnePerEvent).on_acked(move |sent, _| {
            kept.lock().unwrap().push(*sent);
            acked_in_all.send_modify(|acked| *acked += 1);
        });
        let sending = tokio::spawn(async move {
            for number in 0..MESSAGES {
                let text = format!("{name} {number}");
                sender.feed(Message::text(text)).await.unwrap();
            }
            sender.flush().await.unwrap();
        });
        Self {
            name,
            ledger,
            sending,
        }
    }

    /// What a reader should have got, in this order.
    async fn acked(self) -> Vec<(String, Sent)> {
        self.sending.await.unwrap();
        let ledger = self.ledger.lock().unwrap().clone();
        assert_eq!(ledger.len(), MESSAGES, "{} was acked otherwise", self.name);
        let numbered = ledger.into_iter().enumerate();
        numbered
            .map(|(number, sent)| (format!("{} {number}", self.name), sent))
            .collect()
    }
}

/// A space that both write to while Bob reads it.
struct Room {
    space: Space,
    head_before: u64,
    writers: [Writer; 2],
    reading: JoinHandle<Vec<String>>,
}

impl Room {
    async fn start(alices: Space, bobs: Space, acked_in_all: &watch::Sender<usize>) -> Self {
        let head_before = bobs.sync().await.unwrap().seq;
        let mut at_bob = bobs.subscribe(Position::START);
        Self {
            head_before,
            writers: [("alice", &alices), ("bob", &bobs)]
                .map(|(name, space)| Writer::start(name, space, acked_in_all.clone())),
            reading: tokio::spawn(async move { read(&mut at_bob, 2 * MESSAGES).await }),
            space: alices,
        }
    }

    /// Holds what was acked against what Bob read live and what is read from the start by `fresh`.
    async fn expect_each_once(self, fresh: Space) {
        let mut expected = Vec::new();
        for writer in self.writers {
            expected.extend(writer.acked().await);
        }
        // Each writer's numbers must rise in the space's order, which the sort by place then shows.
        assert!(
            expected
                .chunks(MESSAGES)
                .all(|of_one| of_one.is_sorted_by_key(|(_, sent)| sent.seq))
        );
        expected.sort_by_key(|(_, sent)| sent.seq);
        let seqs = expected.iter().map(|(_, sent)| sent.seq);
        assert!(seqs.eq((self.head_before + 1..).take(2 * MESSAGES)), "gaps");

        let texts: Vec<_> = expected.into_iter().map(|(text, _)| text).collect();
        assert_eq!(read_from_start(&fresh, texts.len()).await, texts);
        assert_eq!(self.reading.await.unwrap(), texts);
        let last = self.head_before + texts.len() as u64;
        assert_eq!(fresh.sync().await.unwrap().seq, last, "something is there twice");
    }
}

/// Alice and Bob in all their spaces.
struct Crowd {
    pair: Pair,
    rooms: Vec<Room>,
    acked_in_all: watch::Receiver<usize>,
}

impl Crowd {
    async fn start(way: &Way) -> Self {
        let pair = Pair::meet(way).await;
        let (tell, acked_in_all) = watch::channel(0);
        let mut rooms = vec![Room::start(pair.alices.clone(), pair.bobs.clone(), &tell).await];
        for _ in 1..SPACES {
            let (alices, bobs) = another_space(&pair).await;
            rooms.push(Room::start(alices, bobs, &tell).await);
        }
        Self {
            pair,
            rooms,
            acked_in_all,
        }
    }

    async fn until_acked(&mut self, count: usize) {
        self.acked_in_all.wait_for(|acked| *acked >= count).await.unwrap();
    }

    async fn expect_each_once(self) {
        let auditor = self.pair.bob.new_device("auditor").await;
        for room in self.rooms {
            let fresh = auditor.space(room.space.id()).await.unwrap();
            room.expect_each_once(fresh).await;
        }
    }
}

async fn another_space(pair: &Pair) -> (Space, Space) {
    let options = SpaceOptions::default();
    let alices = pair.alices_client.create_space("another", options).await.unwrap();
    let bob = pair.alices_client.contacts().confirmed("bob").await.unwrap();
    alices.add_member(&bob, Capabilities::WRITE).await.unwrap();
    let bobs = pair.bobs_client.space(alices.id()).await.unwrap();
    (alices, bobs)
}

#[tokio::test]
async fn relay_killed_under_six_writers_delivers_all_that_was_acked_once_and_in_order() {
    let proxy = FaultProxy::start().await;
    let options = open_to_all(RelayOptions::on(&Database::create().await)).behind(proxy.address());
    let mut relay = ChildRelay::start(options).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let mut crowd = Crowd::start(&Way::to(format!("http://{}", proxy.address()))).await;
    for acked in [600, 1_000, 1_400] {
        crowd.until_acked(acked).await;
        relay = relay.kill_9_and_restart().await;
    }
    crowd.expect_each_once().await;
}

#[tokio::test]
async fn postgres_killed_under_six_writers_delivers_all_that_was_acked_once_and_in_order() {
    let mut postgres = OwnPostgres::start().await;
    let relay = Relay::start(open_to_all(RelayOptions::at(&postgres.url()))).await;
    let mut crowd = Crowd::start(&Way::to(relay.addresses().url())).await;
    for acked in [600, 1_200] {
        crowd.until_acked(acked).await;
        postgres = postgres.kill_9_and_restart().await;
    }
    crowd.expect_each_once().await;
    relay.stop().await;
}
