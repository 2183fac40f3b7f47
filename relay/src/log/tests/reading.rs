//! A subscription is a cursor: replay and live edge, fast readers and slow ones.

use futures_util::future::join_all;
use sealpost_protocol::ids::Root;
use sealpost_protocol::root::Cursor;

use super::actors::Actor;
use super::chat::{Chat, acked, read_to};
use crate::log::stored_pages::PAGES_AHEAD;
use crate::log::{LogError, LogLimits};
use crate::testing::TestLog;

#[tokio::test]
async fn replay_and_live_entries_come_in_one_order() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    for n in 0..20 {
        chat.say(&relay, &alice, &format!("before {n}")).await;
    }
    let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
    assert_eq!(subscription.head.cursor, chat.cursor());
    for n in 0..20 {
        chat.say(&relay, &alice, &format!("after {n}")).await;
    }
    read_to(&mut subscription.reader, &mut read, 42, 1 << 20).await;
    assert_eq!(read.cursor(), chat.cursor());
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_the_next_entry() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
    read_to(&mut subscription.reader, &mut read, 2, 1 << 20).await;
    let reading = tokio::spawn(async move {
        read_to(&mut subscription.reader, &mut read, 3, 1 << 20).await;
        read.cursor()
    });
    let ack = chat.say(&relay, &alice, "wake up").await;
    assert_eq!(reading.await.unwrap(), ack.cursor);
}

#[tokio::test]
async fn each_of_many_readers_gets_what_is_published_at_once_to_the_last() {
    const READERS: usize = 40;
    const EVENTS: usize = 300;
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let mut readings = Vec::new();
    for _ in 0..READERS {
        let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
        readings.push(tokio::spawn(async move {
            read_to(&mut subscription.reader, &mut read, 2 + EVENTS as u64, 1 << 20).await;
            read.cursor()
        }));
    }
    let mut last = None;
    for _ in 0..3 {
        let publishes = chat
            .run(&alice, EVENTS / 3)
            .into_iter()
            .map(|entry| relay.publish(&alice.principal(), chat.id(), vec![entry]));
        for outcome in join_all(publishes.collect::<Vec<_>>()).await {
            last = acked(outcome).pop();
        }
    }
    let last = last.expect("something was published").cursor;
    for reading in readings {
        assert_eq!(reading.await.unwrap(), last);
    }
}

#[tokio::test]
async fn pages_are_as_large_as_asked_for_and_never_empty() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    for n in 0..18 {
        chat.say(&relay, &alice, &format!("{n}")).await;
    }
    let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
    let one_by_one = read_to(&mut subscription.reader, &mut read, 20, 1).await;
    assert_eq!(one_by_one, 19);
    let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
    assert_eq!(read_to(&mut subscription.reader, &mut read, 20, 1 << 20).await, 1);
}

#[tokio::test]
async fn a_reader_that_falls_off_the_memory_reads_on_from_the_database() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        tail_bytes: 2_000,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let mut chat = Chat::create(&relay, &alice).await;
    let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
    for n in 0..200 {
        chat.say(&relay, &alice, &format!("{n}")).await;
        if n == 100 {
            read_to(&mut subscription.reader, &mut read, 50, 1).await;
        }
    }
    read_to(&mut subscription.reader, &mut read, 202, 4_000).await;
    assert_eq!(read.cursor(), chat.cursor());
}

#[tokio::test]
async fn pages_are_read_ahead_for_some_readers_and_everybody_reads_everything() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    for n in 0..30 {
        chat.say(&relay, &alice, &format!("{n}")).await;
    }
    let places = &relay.shared.pages_ahead;
    let mut readers = Vec::new();
    for _ in 0..PAGES_AHEAD + 5 {
        let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
        read_to(&mut subscription.reader, &mut read, 5, 1).await;
        assert!(places.available_permits() < PAGES_AHEAD);
        readers.push((read, subscription));
    }
    for (mut read, mut subscription) in readers {
        read_to(&mut subscription.reader, &mut read, 32, 1_000).await;
        assert_eq!(read.cursor(), chat.cursor());
    }
    assert_eq!(places.available_permits(), PAGES_AHEAD);
}

#[tokio::test]
async fn a_cursor_beside_or_ahead_of_the_log_is_refused() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.say(&relay, &alice, "hello").await;
    let ahead = Cursor {
        seq: 4,
        root: Root::new([1; 32]),
    };
    for seq in 0..=3 {
        let at = chat.at(seq);
        relay.subscribe(&alice.principal(), chat.id(), at).await.unwrap();
    }
    let beside = (0..=3).map(|seq| Cursor { seq, ..ahead });
    for cursor in beside.chain([ahead]) {
        let refused = relay.subscribe(&alice.principal(), chat.id(), cursor).await;
        assert_eq!(refused.unwrap_err(), LogError::LogMismatch);
    }
}

const FLIP: &str = "UPDATE events SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE seq = 7";
const OTHER_ROOT: &str = "UPDATE events SET root = set_byte(root, 0, get_byte(root, 0) # 1) WHERE seq = 7";
const SWAP: &str = "UPDATE events SET sealed = (SELECT sealed FROM events WHERE seq = 8) WHERE seq = 7";
const DELETE: &str = "DELETE FROM events WHERE seq = 7";
const OLD_VERSION: &str = "UPDATE events SET row_version = 1 WHERE seq = 7";

#[tokio::test]
async fn a_damaged_entry_is_named_after_all_before_it_were_read() {
    for damage in [FLIP, OTHER_ROOT, SWAP, DELETE, OLD_VERSION] {
        let (log, alice) = (TestLog::new().await, Actor::alice());
        let relay = log.relay().await;
        let mut chat = Chat::create(&relay, &alice).await;
        for n in 0..10 {
            chat.say(&relay, &alice, &format!("{n}")).await;
        }
        log.database.execute(damage).await;
        // Neither a relay that has the space in memory nor one that opens it now passes over it.
        for relay in [relay, log.relay().await] {
            let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
            // The end that is stated tells a reader that there is more than it will get.
            assert_eq!(subscription.head.cursor, chat.cursor(), "{damage}");
            read_to(&mut subscription.reader, &mut read, 6, 1 << 20).await;
            let ended = subscription.reader.next_pages(1 << 20).await.unwrap_err();
            assert_eq!(ended, LogError::EntryDamaged { seq: 7 }, "{damage}");
            assert_eq!(ended.to_nack().seq, 7);
        }
    }
}

#[tokio::test]
async fn a_log_that_was_taken_back_ends_its_readers_and_takes_no_stale_append() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    for n in 0..5 {
        chat.say(&relay, &alice, &format!("{n}")).await;
    }
    let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
    read_to(&mut subscription.reader, &mut read, 7, 1 << 20).await;
    log.database.execute("DELETE FROM events WHERE seq > 4").await;
    let outcome = chat
        .publish(&relay, &alice, vec![chat.event(&alice, "on a lost head")])
        .await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "writer_gap");
    let ended = subscription.reader.next_pages(1 << 20).await.unwrap_err();
    assert_eq!(ended, LogError::LogMismatch);
}
