//! Members go: what the relay refuses from then on, on every replica, and what becomes of two managers at once.

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::wire::{self, control_record::Body};

use super::actors::Actor;
use super::chat::{Chat, acked, remove};
use crate::log::{LogError, LogService, PublishOutcome, Subscription};
use crate::testing::TestLog;

fn code(outcome: &PublishOutcome) -> &'static str {
    outcome
        .refusal
        .as_ref()
        .map_or("", |refusal| refusal.code().as_str())
}

/// A space of Alice and Bob.
async fn space_of_two(relay: &LogService) -> (Chat, Actor, Actor) {
    let (alice, bob) = (Actor::alice(), Actor::bob());
    let mut chat = Chat::create(relay, &alice).await;
    chat.add(relay, &alice, &bob).await;
    (chat, alice, bob)
}

/// Reads to the end of the subscription.
async fn ending(mut subscription: Subscription) -> LogError {
    loop {
        if let Err(error) = subscription.reader.next_pages(1 << 20).await {
            return error;
        }
    }
}

#[tokio::test]
async fn a_removed_member_is_cut_off_at_every_relay_by_the_record_alone() {
    let log = TestLog::new().await;
    let relays = [log.relay().await, log.relay().await];
    let (mut chat, alice, bob) = space_of_two(&relays[0]).await;
    let mut subscriptions = Vec::new();
    for relay in &relays {
        for device in 20..25 {
            subscriptions.push(chat.subscribed(relay, &bob.at_device(device)).await.1);
        }
    }
    let bobs = chat.event(&bob, "too late");
    let alices = chat.event(&alice, "too early");
    chat.control(&relays[0], &alice, remove(&bob)).await.unwrap();
    for subscription in subscriptions {
        assert_eq!(ending(subscription).await, LogError::NotAMember);
    }
    for relay in &relays {
        let refused = chat.publish(relay, &bob, vec![bobs.clone()]).await;
        assert_eq!(code(&refused), "not_a_member");
        let fenced = chat.publish(relay, &alice, vec![alices.clone()]).await;
        assert_eq!(code(&fenced), "rekey_required");
        let (bob, id) = (bob.principal(), chat.id());
        let subscribed = relay.subscribe(&bob, id, chat.start()).await;
        assert_eq!(subscribed.err(), Some(LogError::NotAMember));
        assert_eq!(
            chat.wrap(relay, &Actor::bob(), 1).await,
            Err(LogError::NotAMember)
        );
        let requests = relay.wrap_requests(&bob, id).await;
        assert_eq!(requests, Err(LogError::NotAMember));
    }
    assert_eq!(relays[1].spaces_of(&bob.id()).await.unwrap(), []);
}

#[tokio::test]
async fn a_removal_is_seen_by_a_relay_where_nobody_reads_the_space() {
    let log = TestLog::new().await;
    let (first, second) = (log.relay().await, log.relay().await);
    let (mut chat, alice, bob) = space_of_two(&first).await;
    chat.wrap(&second, &bob, 1).await.unwrap();
    chat.control(&first, &alice, remove(&bob)).await.unwrap();
    assert_eq!(chat.wrap(&second, &bob, 1).await, Err(LogError::NotAMember));
}

#[tokio::test]
async fn removal_and_rekey_go_in_one_batch_and_the_removed_member_gets_no_wrap() {
    let log = TestLog::new().await;
    let relay = log.relay().await;
    let (mut chat, alice, bob) = space_of_two(&relay).await;
    let stale = chat.event(&alice, "sealed under the key that Bob has");
    let removal = chat.removal(&relay, &alice, &bob).await;
    chat.all(&relay, &alice, removal).await;
    assert_eq!(
        code(&chat.publish(&relay, &alice, vec![stale]).await),
        "stale_epoch"
    );
    chat.say(&relay, &alice, "among ourselves").await;
    chat.wrap(&relay, &alice, 2).await.unwrap();
    assert_eq!(chat.wrap(&relay, &bob, 2).await, Err(LogError::NotAMember));
}

#[tokio::test]
async fn rekey_that_still_wraps_to_the_removed_member_is_refused() {
    let log = TestLog::new().await;
    let relay = log.relay().await;
    let (mut chat, alice, bob) = space_of_two(&relay).await;
    let before = chat.rekey_body();
    chat.stage(&relay, &alice, 2, &chat.members()).await.unwrap();
    chat.control(&relay, &alice, remove(&bob)).await.unwrap();
    let refused = chat.control(&relay, &alice, before).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "control_invalid");
}

#[tokio::test]
async fn another_member_finishes_what_a_remover_began() {
    let log = TestLog::new().await;
    let relay = log.relay().await;
    let (mut chat, alice, bob) = space_of_two(&relay).await;
    let carol = Actor::new(3);
    chat.add(&relay, &alice, &carol).await;
    chat.control(&relay, &alice, remove(&carol)).await.unwrap();
    chat.rekey(&relay, &bob).await.unwrap();
    chat.say(&relay, &alice, "Bob made the new key").await;
}

#[tokio::test]
async fn record_that_took_its_author_out_is_acked_again() {
    let log = TestLog::new().await;
    let relay = log.relay().await;
    let (chat, _, bob) = space_of_two(&relay).await;
    let leave = chat.record(&bob, Body::Leave(wire::Leave {}));
    let first = acked(chat.publish(&relay, &bob, vec![leave.clone()]).await)[0];
    let again = acked(chat.publish(&relay, &bob, vec![leave]).await)[0];
    assert_eq!((first.cursor, first.receipt), (again.cursor, again.receipt));
    assert!(again.duplicate);
}

#[tokio::test]
async fn two_managers_at_two_relays_get_one_winner() {
    let log = TestLog::new().await;
    let relays = [log.relay().await, log.relay().await];
    let (mut chat, alice, bob) = space_of_two(&relays[0]).await;
    let grant = Body::SetCapabilities(wire::SetCapabilities {
        principal_id: bob.id().to_bytes(),
        capabilities: Capabilities::ALL.bits(),
    });
    chat.control(&relays[0], &alice, grant).await.unwrap();
    for round in 0..5 {
        let newcomer = Actor::new(30 + round);
        let records = [&alice, &bob].map(|manager| {
            let policy = wire::Policy {
                share_history: true,
                retention_seconds: u64::from(round) * 10 + u64::from(manager.writer.as_bytes()[0]),
            };
            chat.record(manager, Body::SetPolicy(wire::SetPolicy { policy: Some(policy) }))
        });
        let outcomes = tokio::join!(
            chat.publish(&relays[0], &alice, vec![records[0].clone()]),
            chat.publish(&relays[1], &bob, vec![records[1].clone()]),
        );
        let winner = usize::from(outcomes.0.refusal.is_some());
        let loser = [&outcomes.0, &outcomes.1][1 - winner];
        assert_eq!(code(loser), "control_conflict");
        assert_eq!(code([&outcomes.0, &outcomes.1][winner]), "");
        chat.fold_entry(&records[winner]);
        chat.add(&relays[1 - winner], &alice, &newcomer).await;
    }
    let (mut read, mut subscription) = chat.subscribed(&relays[1], &bob).await;
    super::chat::read_to(&mut subscription.reader, &mut read, chat.cursor().seq, 1 << 20).await;
    assert_eq!(read.cursor(), chat.cursor());
}
