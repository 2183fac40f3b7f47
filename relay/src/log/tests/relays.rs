//! Several relays on one database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sealpost_protocol::wire;

use super::actors::Actor;
use super::appending::run_seen_from_afar;
use super::chat::{Chat, acked, read_to};
use crate::bus::{Bus, LocalHub};
use crate::log::{LogError, LogLimits, LogService};
use crate::testing::TestLog;

/// A socket stays open for some seconds where another relay deleted its account.
#[tokio::test]
async fn account_that_another_relay_deleted_makes_no_space() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let (relay, other) = (log.relay().await, log.relay().await);
    Chat::create(&relay, &Actor::bob()).await;
    let account = format!("decode('{}', 'hex')", alice.account());
    log.database
        .execute(format!("DELETE FROM accounts WHERE account_id = {account}"))
        .await;
    let policy = wire::Policy::default();
    let (chat, genesis) = Chat::draft(&alice, policy);
    let outcome = chat.publish(&other, &alice, vec![genesis]).await;
    assert_eq!(outcome.refusal, Some(LogError::NotAMember));
    let left = format!("SELECT count(*)::text FROM spaces WHERE created_by_account = {account}");
    assert_eq!(log.database.texts(left).await, ["0"]);
    let members = log.database.texts("SELECT count(*)::text FROM members").await;
    assert_eq!(members, ["1"]);
}

#[tokio::test]
async fn two_relays_that_are_both_written_to_serve_one_log() {
    const WRITERS: u8 = 8;
    const EVENTS: usize = 40;
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relays = [log.relay().await, log.relay().await];
    let chat = Chat::create(&relays[0], &alice).await;
    let readers = join_all(relays.iter().map(|relay| chat.subscribed(relay, &alice))).await;
    let last = 2 + u64::from(WRITERS) * EVENTS as u64;
    let writing = (0..WRITERS).map(|writer| {
        let relay = relays[usize::from(writer) % 2].clone();
        write(relay, chat.clone(), alice.at_device(100 + writer), EVENTS)
    });
    let reading = readers
        .into_iter()
        .map(|(mut read, mut subscription)| async move {
            read_to(&mut subscription.reader, &mut read, last, 1 << 16).await;
            read.cursor()
        });
    let (acked, read) = tokio::join!(join_all(writing), join_all(reading));
    assert_eq!(read[0], read[1]);
    let seqs: BTreeSet<u64> = acked.concat().into_iter().collect();
    assert_eq!(seqs, (3..=last).collect());
}

/// Writes one event after the other; returns where they stand.
async fn write(relay: LogService, mut chat: Chat, author: Actor, events: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    for entry in run_seen_from_afar(&mut chat, &author, events) {
        let acks = acked(chat.publish(&relay, &author, vec![entry]).await);
        seqs.push(acks[0].cursor.seq);
    }
    seqs
}

#[tokio::test]
async fn who_subscribes_after_an_ack_elsewhere_finds_it_though_no_hint_came() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let first = log.relay().await;
    // It reads the space already, and hears nothing of the other relay.
    let deaf = LocalHub::default().end(0);
    let second = log.relay_on(log.database.store().await, Arc::new(deaf), unhurried());
    let chat = Chat::create(&first, &alice).await;
    let (_, reading) = chat.subscribed(&second, &alice).await;
    let ack = acked(
        chat.publish(&first, &alice, vec![chat.event(&alice, "hello")])
            .await,
    )[0];
    let subscribed = second
        .subscribe(&alice.principal(), chat.id(), chat.start())
        .await;
    assert_eq!(subscribed.unwrap().head.cursor, ack.cursor);
    drop(reading);
}

/// Limits of a relay that does not look at the heads by itself.
fn unhurried() -> LogLimits {
    LogLimits {
        head_check_every: Duration::from_secs(3600),
        ..LogLimits::default()
    }
}

#[tokio::test]
async fn an_event_repeated_at_another_relay_keeps_its_first_place() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let (first, second) = (log.relay().await, log.relay().await);
    let chat = Chat::create(&first, &alice).await;
    let entry = vec![chat.event(&alice, "hello")];
    let both = tokio::join!(
        chat.publish(&first, &alice, entry.clone()),
        chat.publish(&second, &alice, entry),
    );
    let (one, other) = (acked(both.0)[0], acked(both.1)[0]);
    assert_eq!((one.cursor, one.receipt), (other.cursor, other.receipt));
    assert_ne!(one.duplicate, other.duplicate);
}

#[tokio::test]
async fn a_relay_that_is_behind_refuses_nothing_that_the_log_allows() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let limits = LogLimits::default();
    // These two hear nothing of each other.
    let deaf = |store| log.relay_on(store, Arc::new(LocalHub::default().end(0)), limits.clone());
    let (first, second) = (deaf(log.database.store().await), deaf(log.database.store().await));
    let mut chat = Chat::create(&first, &alice).await;
    chat.say(&second, &alice, "the second relay knows the space now")
        .await;
    chat.add(&first, &alice, &bob).await;
    chat.rekey(&first, &alice).await.unwrap();
    chat.say(&second, &bob, "a new member, a new epoch").await;
    chat.add(&first, &alice, &Actor::new(3)).await;
    let newcomer = Actor::new(3);
    second
        .subscribe(&newcomer.principal(), chat.id(), chat.start())
        .await
        .unwrap();
    chat.rekey(&first, &alice).await.unwrap();
    chat.stage(&second, &alice, 4, &[alice.id()]).await.unwrap();
    chat.wrap(&second, &newcomer, 3).await.unwrap();
}

#[tokio::test]
async fn a_new_subscriber_sees_what_other_relays_appended_before() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let (first, second) = (log.relay().await, log.relay().await);
    let mut chat = Chat::create(&first, &alice).await;
    chat.say(&second, &alice, "the second relay knows the space now")
        .await;
    chat.say(&first, &alice, "nobody reads at the second relay").await;
    let (mut read, mut subscription) = chat.subscribed(&second, &alice).await;
    assert_eq!(subscription.head.cursor, chat.cursor());
    read_to(&mut subscription.reader, &mut read, 4, 1 << 20).await;
}

#[tokio::test]
async fn a_rekey_at_another_relay_is_not_missed_by_an_append() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits::default();
    let deaf = |store| log.relay_on(store, Arc::new(LocalHub::default().end(0)), limits.clone());
    let (first, second) = (deaf(log.database.store().await), deaf(log.database.store().await));
    let mut chat = Chat::create(&first, &alice).await;
    chat.say(&second, &alice, "the second relay knows the space now")
        .await;
    let stale = chat.event(&alice, "sealed under the first epoch");
    chat.rekey(&first, &alice).await.unwrap();
    let outcome = chat.publish(&second, &alice, vec![stale]).await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "stale_epoch");
}

#[tokio::test]
async fn one_genesis_record_at_two_relays_makes_one_space() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let (first, second) = (log.relay().await, log.relay().await);
    let (chat, genesis) = Chat::draft(&alice, wire::Policy::default());
    let both = tokio::join!(
        chat.publish(&first, &alice, vec![genesis.clone()]),
        chat.publish(&second, &alice, vec![genesis]),
    );
    let (one, other) = (acked(both.0)[0], acked(both.1)[0]);
    assert_eq!(one.cursor, other.cursor);
    assert_ne!(one.duplicate, other.duplicate);
}

#[tokio::test]
async fn readers_are_woken_through_either_bus() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let hub = LocalHub::default();
    let local = |relay| Arc::new(hub.end(relay)) as Arc<dyn Bus>;
    for buses in [[local(1), local(2)], [log.postgres_bus(1), log.postgres_bus(2)]] {
        let [one, other] = buses;
        let writer = log.relay_on(log.database.store().await, one, LogLimits::default());
        let reader = log.relay_on(log.database.store().await, other, LogLimits::default());
        let device = alice.at_device(50 + u8::try_from(relay_spaces(&writer, &alice).await).unwrap());
        let mut chat = Chat::create(&writer, &device).await;
        let (mut read, mut subscription) = chat.subscribed(&reader, &device).await;
        read_to(&mut subscription.reader, &mut read, 2, 1 << 20).await;
        chat.say(&writer, &device, "wake up").await;
        read_to(&mut subscription.reader, &mut read, 3, 1 << 20).await;
    }
}

async fn relay_spaces(relay: &LogService, person: &Actor) -> usize {
    relay.spaces_of(&person.id()).await.unwrap().len()
}

#[tokio::test]
async fn a_lost_hint_is_made_up_for_by_a_look_at_the_heads() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        head_check_every: Duration::from_millis(50),
        ..LogLimits::default()
    };
    let deaf = |store| log.relay_on(store, Arc::new(LocalHub::default().end(0)), limits.clone());
    let (first, second) = (deaf(log.database.store().await), deaf(log.database.store().await));
    let mut chat = Chat::create(&first, &alice).await;
    let (mut read, mut subscription) = chat.subscribed(&second, &alice).await;
    read_to(&mut subscription.reader, &mut read, 2, 1 << 20).await;
    chat.say(&first, &alice, "nobody tells the second relay").await;
    read_to(&mut subscription.reader, &mut read, 3, 1 << 20).await;
}
