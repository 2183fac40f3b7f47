//! Deleted spaces: nothing is left but the proof, and they stay deleted.

use sealpost_protocol::tombstone::check_tombstone;
use sealpost_protocol::wire::{self, control_record::Body};

use sealpost_protocol::chain::Capabilities;

use super::actors::Actor;
use super::chat::{Chat, acked};
use crate::log::shred_entry::ShredEntry;
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
        if let Err(error) = subscription.reader.next_pages(1 << 20).await {
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
    let kept = ShredEntry::parse(&std::fs::read(file).unwrap().into());
    let proof = <wire::SignedControl as prost::Message>::decode(kept.record).unwrap();
    assert_eq!(check_tombstone(&proof, chat.fold.chain()), Ok(()));
}

#[tokio::test]
async fn deletion_that_cannot_be_remembered_is_not_made() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let folder = log.shred_folder();
    std::fs::remove_dir(&folder).unwrap();
    let refused = chat
        .clone()
        .control(&relay, &alice, tombstone())
        .await
        .unwrap_err();
    assert!(matches!(refused, LogError::Overloaded { .. }));
    let entry = chat.event(&alice, "still here");
    acked(chat.publish(&relay, &alice, vec![entry]).await);

    std::fs::create_dir(&folder).unwrap();
    chat.control(&relay, &alice, tombstone()).await.unwrap();
    settled(&relay).await;
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

#[tokio::test]
async fn deletion_that_is_not_in_the_ledger_is_not_acked_and_made_up_for() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let chat = Chat::create(&relay, &alice).await;
    // The entry can be written, but not put into its place.
    let place = log.shred_folder().join(format!("{}.tombstone", chat.id()));
    std::fs::create_dir(&place).unwrap();
    let refused = chat
        .clone()
        .control(&relay, &alice, tombstone())
        .await
        .unwrap_err();
    assert!(matches!(refused, LogError::Overloaded { .. }));
    let gone = relay.subscribe(&alice.principal(), chat.id(), chat.start()).await;
    assert!(is_proven(&gone.unwrap_err(), &chat));
    relay.finish_shreds().await.unwrap_err();

    std::fs::remove_dir(&place).unwrap();
    assert_eq!(relay.finish_shreds().await, Ok(1));
    assert!(place.is_file());
    assert_eq!(std::fs::read_dir(log.shred_folder()).unwrap().count(), 1);
}

/// What a backup of the database holds.
const BACKED_UP: [&str; 5] = ["spaces", "events", "members", "wraps", "data_keys"];

async fn back_up(log: &TestLog) {
    for table in BACKED_UP {
        let copy = format!("CREATE TABLE backup_{table} AS SELECT * FROM {table}");
        log.database.execute(copy).await;
    }
}

async fn restore(log: &TestLog) {
    for table in BACKED_UP {
        log.database.execute(format!("DELETE FROM {table}")).await;
        let copy = format!("INSERT INTO {table} SELECT * FROM backup_{table}");
        log.database.execute(copy).await;
    }
}

async fn is_served(relay: &LogService, chat: &Chat, reader: &Actor) -> bool {
    let subscribed = relay
        .subscribe(&reader.principal(), chat.id(), chat.start())
        .await;
    subscribed.is_ok()
}

#[tokio::test]
async fn space_whose_deleter_came_to_manage_it_after_the_backup_stays_deleted() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.add(&relay, &alice, &bob).await;
    back_up(&log).await;
    let grant = Body::SetCapabilities(wire::SetCapabilities {
        principal_id: bob.id().to_bytes(),
        capabilities: Capabilities::ALL.bits(),
    });
    chat.control(&relay, &alice, grant).await.unwrap();
    let before = chat.clone();
    chat.control(&relay, &bob, tombstone()).await.unwrap();
    settled(&relay).await;
    restore(&log).await;

    let restored = log.relay().await;
    assert_eq!(restored.replay_shreds().await, Ok(1));
    let gone = restored
        .subscribe(&alice.principal(), chat.id(), chat.start())
        .await;
    assert!(is_proven(&gone.unwrap_err(), &before));
    assert_eq!(rows(&log, "events").await, "0");
}

#[tokio::test]
async fn space_whose_deletion_cannot_be_confirmed_is_not_served_and_holds_nobody_else_up() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chats = Vec::new();
    for device in 0..4 {
        chats.push(Chat::create(&relay, &alice.at_device(device)).await);
    }
    let [damaged, keyless, foreign, other] = &chats[..] else {
        unreachable!()
    };
    // Entries of before there were proofs; and one that says nothing.
    for chat in [damaged, keyless] {
        let entry = chat.record(&alice, tombstone());
        let Some(wire::entry::Kind::Control(control)) = entry.kind else {
            unreachable!()
        };
        remember(&log, chat, &prost::Message::encode_to_vec(&control));
    }
    remember(&log, foreign, b"");
    let of = |chat: &Chat| {
        let id = format!("decode('{}', 'hex')", chat.id());
        format!("(SELECT space_no FROM spaces WHERE space_id = {id})")
    };
    let damage = format!(
        "UPDATE events SET sealed = '\\x00' WHERE space_no = {}",
        of(damaged)
    );
    log.database.execute(damage).await;
    let lose = format!("DELETE FROM data_keys WHERE space_no = {}", of(keyless));
    log.database.execute(lose).await;

    let restored = log.relay().await;
    assert_eq!(restored.replay_shreds().await, Ok(0));
    for chat in [damaged, keyless, foreign] {
        assert!(!is_served(&restored, chat, &alice).await);
    }
    assert!(is_served(&restored, other, &alice).await);
    assert_ne!(
        rows(&log, &format!("events WHERE space_no = {}", of(foreign))).await,
        "0"
    );
}

fn remember(log: &TestLog, chat: &Chat, entry: &[u8]) {
    let path = log.shred_folder().join(format!("{}.tombstone", chat.id()));
    std::fs::write(path, entry).unwrap();
}

#[tokio::test]
async fn space_that_a_restore_brings_back_is_deleted_again_if_its_chain_confirms_it() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let (chat, other) = (
        Chat::create(&relay, &alice).await,
        Chat::create(&relay, &alice.at_device(9)).await,
    );
    // What a ledger of before there were proofs holds: one tombstone by Alice, one by nobody who may.
    for (chat, author) in [(&chat, &alice), (&other, &Actor::mallory())] {
        let entry = chat.record(author, tombstone());
        let Some(wire::entry::Kind::Control(control)) = entry.kind else {
            unreachable!()
        };
        remember(&log, chat, &prost::Message::encode_to_vec(&control));
    }
    let restored = log.relay().await;
    assert_eq!(restored.replay_shreds().await, Ok(1));
    assert_eq!(restored.replay_shreds().await, Ok(0));
    let gone = restored
        .subscribe(&alice.principal(), chat.id(), chat.start())
        .await;
    assert!(is_proven(&gone.unwrap_err(), &chat));
    assert!(!is_served(&restored, &other, &alice).await);
    assert_ne!(rows(&log, "events").await, "0");
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
