//! What people notice of there being several relays: nothing.

use std::time::Duration;

use futures_util::StreamExt;
use sealpost_sdk::{ClientConfig, Message, Packing, Position, Space, SpaceOptions};
use sealpost_tests::{
    canary::{Canary, search},
    proxy::Upstream,
};

use crate::cluster::Cluster;
use crate::numbered::{MESSAGES, Numbered};
use crate::people::{Pair, read, read_from_start};

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

#[tokio::test]
async fn reader_at_one_relay_sees_live_and_in_order_what_is_sent_at_another() {
    let cluster = Cluster::new().await;
    let relays = [cluster.relay().await, cluster.relay().await];
    let ways = relays.each_ref().map(|relay| cluster.way(relay));
    let pair = Pair::meet_in([&ways[0], &ways[1]], SpaceOptions::default()).await;
    let mut at_bob = pair.bobs.subscribe(Position::START);
    // Each is read before the next is sent, so none of them comes from a page of the past.
    for number in 0..100 {
        let sent = pair.alices.send(Message::text(number.to_string())).await.unwrap();
        let got = at_bob.next().await.unwrap().unwrap();
        assert_eq!((got.seq, got.event_id), (sent.seq, sent.event_id));
        assert_eq!(got.body, number.to_string());
    }
    let mut sender = pair.alices.sender(Packing::OnePerEvent);
    for number in 100..500 {
        sender.feed(Message::text(number.to_string())).await.unwrap();
    }
    let (flushed, texts) = tokio::join!(sender.flush(), read(&mut at_bob, 400));
    flushed.unwrap();
    assert!(texts.into_iter().eq((100..500).map(|number| number.to_string())));
    for relay in relays {
        relay.stop().await;
    }
}

#[tokio::test]
async fn signals_sent_at_one_relay_are_heard_at_another_and_stay_sealed_between_them() {
    let cluster = Cluster::new().await;
    let relays = [cluster.relay().await, cluster.relay().await];
    let ways = relays.each_ref().map(|relay| cluster.way(relay));
    let pair = Pair::meet_in([&ways[0], &ways[1]], SpaceOptions::default()).await;
    pair.bobs.sync().await.unwrap();
    let mut spy = sqlx::postgres::PgListener::connect(cluster.database.url())
        .await
        .unwrap();
    spy.listen("sealpost_parcels").await.unwrap();
    let mut signals = pair.bobs.signals();
    for body in ["typing", "long ".repeat(1_400).as_str(), "gone"] {
        pair.alices.signal(body.as_bytes()).await.unwrap();
        let heard = signals.next().await.unwrap();
        assert_eq!(
            (&heard.body[..], heard.author),
            (body.as_bytes(), pair.alices_client.account().principal_id)
        );
    }
    let author = Canary::new("author", pair.alices_client.account().principal_id.as_bytes());
    let payload = spy.recv().await.unwrap().payload().to_owned();
    let sealed = payload.rsplit(';').next().unwrap();
    assert_eq!(search(&decoded(sealed), &[author]), []);
    for relay in relays {
        relay.stop().await;
    }
}

#[tokio::test]
async fn devices_at_two_relays_hear_each_other_and_what_both_sign_is_one_log() {
    let cluster = Cluster::new().await;
    let relays = [cluster.relay().await, cluster.relay().await];
    let ways = relays.each_ref().map(|relay| cluster.way(relay));
    let pair = Pair::meet_in([&ways[0], &ways[1]], SpaceOptions::default()).await;
    let often = |config: &mut ClientConfig| config.heartbeat = Duration::from_millis(300);
    let clients = [
        pair.alice.restarted_with(often).await,
        pair.bob.restarted_with(often).await,
    ];
    let mut spaces = Vec::new();
    for client in &clients {
        spaces.push(client.space(pair.alices.id()).await.unwrap());
    }
    for round in 0..3 {
        let sent = spaces[round % 2]
            .send(Message::text(round.to_string()))
            .await
            .unwrap();
        for (space, other) in spaces.iter().zip([&clients[1], &clients[0]]) {
            // One that was sent after this.
            let mut heard = space.heard();
            heard.mark_unchanged();
            heard.changed().await.unwrap();
            let by = heard.borrow_and_update().unwrap().by;
            assert_eq!(by, other.account().principal_id);
            assert!(space.sync().await.unwrap().seq >= sent.seq);
        }
    }
    for space in &spaces {
        assert!(space.evidence().await.unwrap().is_empty());
    }
    for relay in relays {
        relay.stop().await;
    }
}

fn decoded(base64: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    STANDARD_NO_PAD.decode(base64).unwrap()
}

#[tokio::test]
async fn relay_told_to_end_hands_its_people_over_with_nothing_lost_or_doubled() {
    let cluster = Cluster::new().await;
    let (leaving, staying) = (cluster.child().await, cluster.child().await);
    cluster.name.lead_to(Upstream::Tcp(leaving.addresses().public));
    let pair = Pair::meet(&cluster.any()).await;
    let mut at_bob = pair.bobs.subscribe(Position::START);
    let mut numbered = Numbered::start(&pair.alices);
    numbered.until_acked(500).await;
    // As a balancer does: whoever connects from now on comes to the other one.
    cluster.name.lead_to(Upstream::Tcp(staying.addresses().public));
    leaving.terminate();
    let texts = read(&mut at_bob, usize::try_from(MESSAGES).unwrap()).await;
    assert!(
        texts
            .into_iter()
            .eq((0..MESSAGES).map(|number| number.to_string()))
    );
    let (status, log) = leaving.ended().await;
    let log = String::from_utf8_lossy(&log);
    assert!(status.success() && log.contains("\"drained\""), "{log}");
    assert!(!log.contains("not everything ended within the grace"), "{log}");
    numbered.expect_each_once(&pair.alice, &pair.alices).await;
}
