//! Exactly once, in order, without gaps.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use sealpost_protocol::wire;

use super::actors::Actor;
use super::chat::{Chat, acked};
use crate::log::LogError;
use crate::testing::TestLog;

#[tokio::test]
async fn a_new_space_takes_entries_and_says_where_they_stand() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    for text in ["one", "two", "three"] {
        assert!(!chat.say(&relay, &alice, text).await.duplicate);
    }
    assert_eq!(chat.cursor().seq, 5);
    assert_eq!(
        relay.spaces_of(&alice.id()).await.unwrap(),
        [(chat.id(), chat.cursor().seq)]
    );
}

#[tokio::test]
async fn concurrent_writers_leave_no_gap_and_lose_nothing() {
    const WRITERS: u8 = 16;
    const EVENTS: usize = 50;
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let chat = Chat::create(&relay, &alice).await;
    let writers = (0..WRITERS).map(|device| {
        let (relay, device) = (relay.clone(), alice.at_device(device + 100));
        // Each knows the log as it was before the others wrote.
        let mut chat = chat.clone();
        async move {
            let mut seqs = Vec::new();
            for entry in run_seen_from_afar(&mut chat, &device, EVENTS) {
                let acks = acked(chat.publish(&relay, &device, vec![entry]).await);
                seqs.push(acks[0].cursor.seq);
            }
            assert!(seqs.is_sorted());
            seqs
        }
    });
    let seqs: Vec<u64> = join_all(writers).await.concat();
    let distinct: BTreeSet<u64> = seqs.iter().copied().collect();
    let expected = (3..).take(usize::from(WRITERS) * EVENTS);
    assert_eq!(
        distinct.into_iter().collect::<Vec<_>>(),
        expected.collect::<Vec<_>>()
    );
}

/// Events of one writer that all say they have seen the log up to where `chat` is now.
pub fn run_seen_from_afar(chat: &mut Chat, author: &Actor, count: usize) -> Vec<wire::Entry> {
    let mut header = chat.header(author);
    let mut entries = Vec::new();
    for n in 0..count {
        let entry = super::chat::event_entry(&header, author, &format!("{n}"));
        let Some(wire::entry::Kind::Event(event)) = &entry.kind else {
            unreachable!("made as an event");
        };
        let id = chat.fold.verify_event(event).unwrap().id();
        header.previous_event_id = Some(id);
        header.writer_index += 1;
        entries.push(entry);
    }
    entries
}

/// The root that the author saw is among the recent ones when the entries are taken in hand, and pushed out by them.
#[tokio::test]
async fn what_an_author_saw_long_ago_is_known_however_many_entries_come_at_once() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let entries = run_seen_from_afar(&mut chat, &alice, 4_300);
    for entries in entries.chunks(250) {
        let outcome = chat.publish(&relay, &alice, entries.to_vec()).await;
        assert_eq!(acked(outcome).len(), entries.len());
    }
}

#[tokio::test]
async fn publishes_are_appended_in_the_order_of_their_calls() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let calls: Vec<_> = chat
        .run(&alice, 100)
        .into_iter()
        .map(|entry| relay.publish(&alice.principal(), chat.id(), vec![entry]))
        .collect();
    // Awaited in the opposite order.
    for call in calls.into_iter().rev() {
        assert_eq!(acked(call.await).len(), 1);
    }
}

#[tokio::test]
async fn a_repeated_event_gets_its_first_place_and_receipt() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let events = chat.run(&alice, 3);
    let first = acked(chat.publish(&relay, &alice, events.clone()).await);
    let mut repeated = events.clone();
    repeated.extend(chat.run(&alice, 1));
    let second = acked(chat.publish(&relay, &alice, repeated).await);
    for (first, second) in first.iter().zip(&second) {
        assert_eq!((first.cursor, first.receipt), (second.cursor, second.receipt));
        assert!(!first.duplicate && second.duplicate);
    }
    assert!(!second[3].duplicate);
}

#[tokio::test]
async fn a_repeated_control_record_gets_its_first_place() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let (mut chat, genesis) = Chat::draft(&alice, wire::Policy::default());
    let first = acked(chat.publish(&relay, &alice, vec![genesis.clone()]).await)[0];
    let again = acked(chat.publish(&relay, &alice, vec![genesis]).await)[0];
    assert_eq!((again.cursor, again.duplicate), (first.cursor, true));
    chat.rekey(&relay, &alice).await.unwrap();
    let body = chat.rekey_body();
    let recipients = chat.members();
    chat.stage(&relay, &alice, 2, &recipients).await.unwrap();
    let _ = bob;
    let record = chat.record(&alice, body);
    let first = acked(chat.publish(&relay, &alice, vec![record.clone()]).await)[0];
    let again = acked(chat.publish(&relay, &alice, vec![record]).await)[0];
    assert_eq!((again.cursor, again.duplicate), (first.cursor, true));
}

#[tokio::test]
async fn a_batch_stops_at_its_first_refusal() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let mut events = chat.run(&alice, 5);
    events.remove(2);
    let outcome = chat.publish(&relay, &alice, events).await;
    assert_eq!(outcome.acks.len(), 2);
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "writer_gap");
}

#[tokio::test]
async fn one_account_may_make_as_many_spaces_as_its_quota_says() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = crate::log::LogLimits {
        spaces_per_account: 1,
        ..Default::default()
    };
    let relay = log.relay_with(limits).await;
    Chat::create(&relay, &alice).await;
    let other = alice.at_device(77);
    let (chat, genesis) = Chat::draft(&other, wire::Policy::default());
    let outcome = chat.publish(&relay, &other, vec![genesis]).await;
    assert_eq!(outcome.refusal, Some(LogError::QuotaExceeded { limit: 1 }));
}
