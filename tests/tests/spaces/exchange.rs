use futures_util::StreamExt;
use sealpost_sdk::{Message, Packing, Position, Space, SpaceOptions};
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};

use crate::people::{Pair, Person, Way, add, lose, open_to_all, read, read_from_start};

async fn relay() -> Relay {
    Relay::start(open_to_all(RelayOptions::on(&Database::create().await))).await
}

#[tokio::test]
async fn two_people_see_each_others_messages_live() {
    let relay = relay().await;
    let pair = Pair::meet(&Way::to(relay.addresses().url())).await;
    let mut at_alice = pair.alices.subscribe(Position::START);
    let mut at_bob = pair.bobs.subscribe(Position::START);
    let sent = pair.alices.send(Message::text("hello Bob")).await.unwrap();
    let got = at_bob.next().await.unwrap().unwrap();
    assert_eq!(
        (got.seq, got.index, got.event_id),
        (sent.seq, sent.index, sent.event_id)
    );
    assert_eq!(got.author, pair.alices_client.account().principal_id);
    pair.bobs
        .send(Message::new("application/json", "{}"))
        .await
        .unwrap();
    assert_eq!(read(&mut at_alice, 2).await, ["hello Bob", "{}"]);
    assert_eq!(
        at_bob.next().await.unwrap().unwrap().content_type,
        "application/json"
    );
    assert_eq!(pair.bobs.members().await.unwrap().len(), 2);
    let listed = pair.bobs_client.spaces().await.unwrap();
    assert_eq!(listed[0].relay_head, Some(pair.bobs.verified().seq));
    relay.stop().await;
}

#[tokio::test]
async fn new_device_reads_the_whole_history_through_all_epochs() {
    let relay = relay().await;
    let pair = Pair::meet(&Way::to(relay.addresses().url())).await;
    for number in 0..5 {
        pair.alices.send(Message::text(number.to_string())).await.unwrap();
        pair.alices.rekey().await.unwrap();
    }
    drop((pair.bobs, pair.bobs_client));
    lose(&pair.bob.home("first"));
    let client = pair.bob.new_device("second").await;
    let space = client.space(pair.alices.id()).await.unwrap();
    assert_eq!(read_from_start(&space, 5).await, ["0", "1", "2", "3", "4"]);
    assert_eq!(space.epoch().await.unwrap(), 6);
    space.send(Message::text("here again")).await.unwrap();
    assert_eq!(read_from_start(&pair.alices, 6).await[5], "here again");
    relay.stop().await;
}

#[tokio::test]
async fn newcomer_to_a_space_without_history_reads_from_then_on() {
    let relay = relay().await;
    let options = SpaceOptions {
        share_history: false,
        ..SpaceOptions::default()
    };
    let way = Way::to(relay.addresses().url());
    let pair = Pair::meet_in([&way, &way], options).await;
    let (_carol, carols_client) = Person::register("carol", &way).await;
    pair.alices.send(Message::text("before Carol")).await.unwrap();
    add(&pair.alices, &pair.alices_client, &carols_client).await;
    pair.bobs.send(Message::text("after Carol")).await.unwrap();
    let carols = carols_client.space(pair.alices.id()).await.unwrap();
    assert_eq!(read_from_start(&carols, 1).await, ["after Carol"]);
    assert_eq!(
        read_from_start(&pair.bobs, 2).await,
        ["before Carol", "after Carol"]
    );
    relay.stop().await;
}

#[tokio::test]
async fn newcomer_to_a_long_log_writes_before_reading_it() {
    let relay = relay().await;
    let way = Way::to(relay.addresses().url());
    let pair = Pair::meet(&way).await;
    let mut sender = pair.alices.sender(Packing::OnePerEvent);
    for number in 0..400 {
        sender.feed(Message::text(number.to_string())).await.unwrap();
    }
    sender.flush().await.unwrap();
    pair.alices.rekey().await.unwrap();
    let (_carol, carols_client) = Person::register("carol", &way).await;
    add(&pair.alices, &pair.alices_client, &carols_client).await;
    let carols = carols_client.space(pair.alices.id()).await.unwrap();
    carols.send(Message::text("hello all")).await.unwrap();
    assert_eq!(read_from_start(&pair.bobs, 401).await[400], "hello all");
    relay.stop().await;
}

#[tokio::test]
async fn ten_thousand_lines_are_packed_and_arrive_in_order() {
    let relay = relay().await;
    let pair = Pair::meet(&Way::to(relay.addresses().url())).await;
    let before = pair.alices.verified().seq;
    let mut sender = pair.alices.sender(Packing::Natural);
    for number in 0..10_000 {
        sender.feed(Message::text(number.to_string())).await.unwrap();
    }
    assert_eq!(sender.flush().await.unwrap(), 10_000);
    let expected: Vec<_> = (0..10_000).map(|number| number.to_string()).collect();
    assert_eq!(read_from_start(&pair.bobs, 10_000).await, expected);
    let events = pair.bobs.verified().seq - before;
    assert!(events < 1_000, "10,000 messages took {events} events");
    relay.stop().await;
}

#[tokio::test]
async fn writers_caught_by_rekeys_lose_nothing_and_double_nothing() {
    let relay = relay().await;
    let pair = Pair::meet(&Way::to(relay.addresses().url())).await;
    let (alices, bobs) = (pair.alices.clone(), pair.bobs.clone());
    let feed = |space: Space, name: &'static str| async move {
        let mut sender = space.sender(Packing::OnePerEvent);
        for number in 0..300 {
            sender
                .feed(Message::text(format!("{name} {number}")))
                .await
                .unwrap();
        }
        sender.flush().await.unwrap()
    };
    let rekeys = async {
        for _ in 0..5 {
            pair.alices.rekey().await.unwrap();
        }
    };
    tokio::join!(feed(alices, "alice"), feed(bobs, "bob"), rekeys);
    let all = read_from_start(&pair.bobs, 600).await;
    for name in ["alice", "bob"] {
        let of_one: Vec<_> = all.iter().filter(|text| text.starts_with(name)).collect();
        let expected: Vec<_> = (0..300).map(|number| format!("{name} {number}")).collect();
        assert_eq!(of_one, expected.iter().collect::<Vec<_>>());
    }
    assert_eq!(pair.alices.epoch().await.unwrap(), 6);
    // Genesis, first key, Bob, five rekeys.
    assert_eq!(pair.alices.sync().await.unwrap().seq, 600 + 8);
    relay.stop().await;
}

#[tokio::test]
async fn signal_reaches_whoever_listens() {
    let relay = relay().await;
    let pair = Pair::meet(&Way::to(relay.addresses().url())).await;
    pair.bobs.sync().await.unwrap();
    let mut signals = pair.bobs.signals();
    pair.alices.signal(b"typing").await.unwrap();
    let signal = signals.next().await.unwrap();
    assert_eq!(signal.body, "typing");
    assert_eq!(signal.author, pair.alices_client.account().principal_id);
    relay.stop().await;
}
