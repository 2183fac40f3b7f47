//! Any input gets a bounded amount of work and a clear answer.

use std::num::NonZeroU32;

use sealpost_protocol::{limits, wire};

use super::actors::Actor;
use super::chat::{Chat, acked};
use crate::log::ports::SpaceStore;
use crate::log::{LogError, LogLimits};
use crate::testing::TestLog;

#[tokio::test]
async fn a_space_that_is_full_takes_control_records_only() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        bytes_per_space: 4_000,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let mut chat = Chat::create(&relay, &alice).await;
    let outcome = chat
        .clone()
        .publish(&relay, &alice, chat.clone().run(&alice, 20))
        .await;
    assert!(!outcome.acks.is_empty());
    let refusal = outcome.refusal.unwrap();
    assert_eq!(
        (refusal.code().as_str(), refusal.to_nack().limit),
        ("quota_exceeded", 4_000)
    );
    for entry in chat.run(&alice, outcome.acks.len()) {
        acked(chat.publish(&relay, &alice, vec![entry]).await);
    }
    chat.rekey(&relay, &alice).await.unwrap();
}

#[tokio::test]
async fn an_account_pays_for_all_its_spaces() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        bytes_per_account: 8_000,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let mut acks = 0;
    for device in 1..=8 {
        let author = alice.at_device(device);
        let mut chat = Chat::create(&relay, &author).await;
        let entries = chat.clone().run(&author, 4);
        acks += chat.publish(&relay, &author, entries).await.acks.len();
        chat.rekey(&relay, &author).await.unwrap();
    }
    assert!((1..16).contains(&acks), "{acks}");
}

#[tokio::test]
async fn what_an_account_uses_is_what_the_database_holds_once_it_was_noted() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        snapshot_every: 1,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let chat = Chat::create(&relay, &alice).await;
    acked(chat.publish(&relay, &alice, chat.clone().run(&alice, 20)).await);
    relay.drain().await;
    let stored = "SELECT sum(octet_length(sealed))::text FROM events";
    let account = alice.principal().account_id();
    let usage = log.database.store().await.usage(&account).await.unwrap();
    assert_eq!([usage.bytes.to_string()], *log.database.texts(stored).await);
}

#[tokio::test]
async fn publishing_has_a_rate_and_says_when_to_come_back() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        entries_per_second_per_account: NonZeroU32::MIN,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let mut chat = Chat::create(&relay, &alice).await;
    acked(chat.publish(&relay, &alice, chat.clone().run(&alice, 254)).await);
    let next = chat.run(&alice, 255).split_off(254);
    let outcome = chat.publish(&relay, &alice, next).await;
    assert!(matches!(outcome.refusal, Some(LogError::RateLimited { retry_after }) if !retry_after.is_zero()));
}

#[tokio::test]
async fn look_ups_of_one_account_have_a_rate_and_others_go_on() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let limits = LogLimits {
        look_ups_per_second_per_account: NonZeroU32::MIN,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let chat = Chat::create(&relay, &alice).await;
    let request = wire::FetchWrap {
        space_id: chat.id().to_bytes(),
        epoch: 9,
        ..wire::FetchWrap::default()
    };
    let look_up = async |actor: &Actor| relay.fetch_wrap(&actor.principal(), chat.id(), &request).await;
    let mut refused = None;
    // The burst, and what comes back of it meanwhile.
    for _ in 0..2 * limits::MAX_ENTRIES_PER_PUBLISH {
        match look_up(&alice).await {
            Err(LogError::RateLimited { retry_after }) => refused = Some(retry_after),
            other => assert!(matches!(other, Err(LogError::NoWrap)), "{other:?}"),
        }
    }
    assert!(refused.is_some_and(|retry_after| !retry_after.is_zero()));
    assert!(matches!(look_up(&bob).await, Err(LogError::NotAMember)));
}

#[tokio::test]
async fn a_publish_with_too_many_entries_is_refused() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let outcome = chat.publish(&relay, &alice, chat.clone().run(&alice, 257)).await;
    assert_eq!(outcome.refusal, Some(LogError::TooLarge { limit: 256 }));
    chat.say(&relay, &alice, "one is fine").await;
}

#[tokio::test]
async fn a_full_queue_says_overloaded() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        queued_bytes: 20_000,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let mut chat = Chat::create(&relay, &alice).await;
    let calls: Vec<_> = chat
        .run(&alice, 200)
        .into_iter()
        .map(|entry| relay.publish(&alice.principal(), chat.id(), vec![entry]))
        .collect();
    let outcomes = futures_util::future::join_all(calls).await;
    let is_overloaded =
        |outcome: &crate::log::PublishOutcome| matches!(outcome.refusal, Some(LogError::Overloaded { .. }));
    assert!(outcomes[0].refusal.is_none());
    assert!(outcomes.iter().any(is_overloaded));
}

#[tokio::test]
async fn strangers_do_not_use_up_what_members_may_write() {
    let (log, alice, mallory) = (TestLog::new().await, Actor::alice(), Actor::mallory());
    let limits = LogLimits {
        entries_per_second_per_space: NonZeroU32::MIN,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let chat = Chat::create(&relay, &alice).await;
    let noise = vec![chat.event(&mallory, "noise"); 250];
    let outcome = chat.publish(&relay, &mallory, noise).await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "not_a_member");
    acked(chat.publish(&relay, &alice, chat.clone().run(&alice, 100)).await);
}

#[tokio::test]
async fn what_an_account_stores_is_known_to_a_relay_that_just_started() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        bytes_per_account: 4 << 20,
        ..LogLimits::default()
    };
    let text = "x".repeat(100_000);
    let warm = log.relay_with(limits.clone()).await;
    let mut chat = Chat::create(&warm, &alice).await;
    for _ in 0..30 {
        chat.say(&warm, &alice, &text).await;
    }
    warm.drain().await;
    let cold = log.relay_with(limits).await;
    let other = alice.at_device(9);
    let mut second = Chat::create(&cold, &other).await;
    let mut acks = 0;
    let refusal = loop {
        let entry = second.event(&other, &text);
        let outcome = second.publish(&cold, &other, vec![entry.clone()]).await;
        match outcome.refusal {
            Some(refusal) => break refusal,
            None => second.fold_entry(&entry),
        };
        acks += 1;
    };
    assert_eq!(refusal.code().as_str(), "quota_exceeded");
    assert!(acks <= 20, "{acks}");
}
