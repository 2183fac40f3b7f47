//! Commits that the database refuses, and defects that end in a panic.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use super::actors::Actor;
use super::chat::{Chat, acked, read_to};
use crate::bus::{Bus, BusClosed, Hint, Listener, LocalBus, LocalHub, Parcel, Receiver};
use crate::log::LogLimits;
use crate::testing::{TestDatabase, TestLog};

/// Makes every commit of a record that names wraps fail, after the entry itself was inserted.
async fn break_commits(database: &TestDatabase) {
    database
        .execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
             AS $$ BEGIN RAISE EXCEPTION 'as the test wants it' USING ERRCODE = '53100'; END $$",
        )
        .await;
    database
        .execute("CREATE TRIGGER refuse BEFORE UPDATE ON wraps FOR EACH ROW EXECUTE FUNCTION refuse()")
        .await;
}

async fn mend_commits(database: &TestDatabase) {
    database.execute("DROP TRIGGER refuse ON wraps").await;
}

#[tokio::test]
async fn a_record_that_could_not_be_stored_leaves_no_trace() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.stage(&relay, &alice, 2, &[alice.id()]).await.unwrap();
    let record = chat.record(&alice, chat.rekey_body());
    break_commits(&log.database).await;
    let outcome = chat.publish(&relay, &alice, vec![record.clone()]).await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "overloaded");
    mend_commits(&log.database).await;
    // A reader who comes now makes the relay look at the log again.
    let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
    assert_eq!(subscription.head.cursor, chat.cursor());
    acked(chat.publish(&relay, &alice, vec![record.clone()]).await);
    chat.fold_entry(&record);
    read_to(&mut subscription.reader, &mut read, 3, 1 << 20).await;
}

#[tokio::test]
async fn a_record_that_could_not_be_stored_is_not_acked_at_the_place_of_another() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    // These two hear nothing of each other.
    let deaf = |store| log.relay_on(store, Arc::new(LocalHub::default().end(0)), LogLimits::default());
    let (first, second) = (deaf(log.database.store().await), deaf(log.database.store().await));
    let mut chat = Chat::create(&first, &alice).await;
    chat.stage(&first, &alice, 2, &[alice.id()]).await.unwrap();
    let record = chat.record(&alice, chat.rekey_body());
    break_commits(&log.database).await;
    let outcome = chat.publish(&first, &alice, vec![record.clone()]).await;
    assert!(outcome.acks.is_empty());
    mend_commits(&log.database).await;
    chat.say(&second, &alice.at_device(7), "something else takes its place")
        .await;
    chat.rekey(&second, &alice).await.unwrap();
    let outcome = chat.publish(&first, &alice, vec![record]).await;
    assert!(outcome.acks.is_empty(), "{:?}", outcome.acks);
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "control_conflict");
}

#[tokio::test]
async fn a_record_is_not_stored_without_the_wraps_it_names() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    // The sweep, at the worst moment: after the wraps were looked at and before they are named.
    log.database
        .execute(
            "CREATE FUNCTION sweep() RETURNS trigger LANGUAGE plpgsql
             AS $$ BEGIN DELETE FROM wraps WHERE named_by_seq IS NULL; RETURN NEW; END $$",
        )
        .await;
    log.database
        .execute("CREATE TRIGGER sweep BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION sweep()")
        .await;
    let before = chat.cursor();
    chat.rekey(&relay, &alice).await.unwrap_err();
    let (_, subscription) = chat.subscribed(&relay, &alice).await;
    assert_eq!(subscription.head.cursor, before);
}

/// Panics at the next announcement when it is told to: that is after a commit, before its answers.
struct DefectiveBus {
    bus: LocalBus,
    panics: AtomicBool,
}

impl Bus for DefectiveBus {
    fn announce(&self, hint: Hint) {
        assert!(
            !self.panics.swap(false, Ordering::Relaxed),
            "as the test wants it"
        );
        self.bus.announce(hint);
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, BusClosed>> {
        self.bus.listen()
    }

    fn send(&self, parcel: Parcel) {
        self.bus.send(parcel);
    }

    fn receive(&self) -> BoxFuture<'_, Result<Box<dyn Receiver>, BusClosed>> {
        self.bus.receive()
    }
}

#[tokio::test]
async fn after_a_panic_its_space_is_opened_anew_and_its_lane_goes_on() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let bus = Arc::new(DefectiveBus {
        bus: LocalHub::default().end(0),
        panics: AtomicBool::new(false),
    });
    let limits = LogLimits {
        lanes: NonZeroUsize::MIN,
        ..LogLimits::default()
    };
    let relay = log.relay_on(log.database.store().await, bus.clone(), limits);
    let mut chat = Chat::create(&relay, &alice).await;
    let mut other = Chat::create(&relay, &bob).await;
    chat.say(&relay, &alice, "on the lane").await;
    bus.panics.store(true, Ordering::Relaxed);
    let entry = chat.event(&alice, "committed, and then a defect");
    let outcome = chat.publish(&relay, &alice, vec![entry.clone()]).await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "internal");
    other.say(&relay, &bob, "another space of the same lane").await;
    let acks = acked(chat.publish(&relay, &alice, vec![entry.clone()]).await);
    assert!(acks[0].duplicate);
    chat.fold_entry(&entry);
    chat.say(&relay, &alice, "and on").await;
}
