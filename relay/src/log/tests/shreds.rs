//! Deleted spaces: nothing is left but the proof, and they stay deleted.

use sealpost_protocol::tombstone::check_tombstone;
use sealpost_protocol::wire::{self, control_record::Body};

use super::actors::Actor;
use super::chat::{Chat, acked};
use crate::log::{LogError, LogService, Subscription};
use crate::testing::TestLog;

fn tombstone() -> Body {
    Body::Tombstone(wire::Tombstone {})
}

fn is_proven(error: &LogError, chat: &Chat) -> bool {
    let proof = error.to_nack().tombstone;
    proof.is_some_and(|proof| check_tombstone(&proof, chat.fold.chain()) == Ok(()))
}

async fn ending(mut subscription: Subscription) -> LogError {
    loop {
        if let Err(error) = subscription.reader.next_page(1 << 20).await {
            return error;
        }
    }
}

/// Waits until the rows are gone, which the ack does not wait for.
async fn settled(relay: &LogService) {
    relay.finish_shreds().await.unwrap();
}

async fn rows(log: &TestLog, table: &str) -> String {
    log.database
        .texts(format!("SELECT count(*)::text FROM {table}"))
        .await
        .remove(0)
}

#[tokio::test]
async fn deleted_space_shows_its_proof_to_readers_at_every_relay_and_leaves_no_row() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relays = [log.relay().await, log.relay().await];
    let mut chat = Chat::create(&relays[0], &alice).await;
    chat.add(&relays[0], &alice, &bob).await;
    chat.say(&relays[1], &bob, "soon gone").await;
    let readers = [
        chat.subscribed(&relays[0], &bob).await.1,
        chat.subscribed(&relays[1], &bob).await.1,
    ];
    let before = chat.clone();
    let event = chat.event(&bob, "too late");
    chat.control(&relays[0], &alice, tombstone()).await.unwrap();
    for reader in readers {
        assert!(is_proven(&ending(reader).await, &before));
    }
    settled(&relays[1]).await;
    for relay in &relays {
        let outcome = before.publish(relay, &bob, vec![event.clone()]).await;
        assert!(is_proven(&outcome.refusal.unwrap(), &before));
        let subscribed = relay.subscribe(&bob.principal(), chat.id(), chat.start()).await;
        assert!(is_proven(&subscribed.unwrap_err(), &before));
    }
    for table in ["events", "members", "wraps", "space_snapshots", "wrap_requests"] {
        assert_eq!(rows(&log, table).await, "0", "{table}");
    }
    assert_eq!(rows(&log, "data_keys WHERE scope = 'space'").await, "0");
}

#[tokio::test]
async fn deletion_is_remembered_outside_the_database_before_it_is_acked() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.control(&relay, &alice, tombstone()).await.unwrap();
    let file = log.shred_folder().join(format!("{}.tombstone", chat.id()));
    let kept = std::fs::read(file).unwrap();
    let proof = <wire::SignedControl as prost::Message>::decode(&kept[..]).unwrap();
    assert_eq!(check_tombstone(&proof, chat.fold.chain()), Ok(()));
}

#[tokio::test]
async fn space_that_a_restore_brings_back_is_deleted_again_if_its_chain_confirms_it() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let (chat, other) = (
        Chat::create(&relay, &alice).await,
        Chat::create(&relay, &alice.at_device(9)).await,
    );
    // What a ledger holds that outlived the database: one tombstone by Alice, one by nobody who may.
    let folder = log.shred_folder();
    for (chat, author) in [(&chat, &alice), (&other, &Actor::mallory())] {
        let entry = chat.record(author, tombstone());
        let Some(wire::entry::Kind::Control(control)) = entry.kind else {
            unreachable!()
        };
        let path = folder.join(format!("{}.tombstone", chat.id()));
        std::fs::write(path, prost::Message::encode_to_vec(&control)).unwrap();
    }
    let restored = log.relay().await;
    assert_eq!(restored.replay_shreds().await, Ok(1));
    assert_eq!(restored.replay_shreds().await, Ok(0));
    let gone = restored
        .subscribe(&alice.principal(), chat.id(), chat.start())
        .await;
    assert!(is_proven(&gone.unwrap_err(), &chat));
    restored
        .subscribe(&alice.principal(), other.id(), other.start())
        .await
        .unwrap();
}

#[tokio::test]
async fn tombstone_without_manage_deletes_nothing() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.add(&relay, &alice, &bob).await;
    let refused = chat.control(&relay, &bob, tombstone()).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "not_permitted");
    let entry = chat.event(&bob, "still here");
    acked(chat.publish(&relay, &bob, vec![entry]).await);
}
