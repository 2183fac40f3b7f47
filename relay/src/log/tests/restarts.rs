//! Cold starts, snapshots and lost connections.

use futures_util::future::join_all;
use sealpost_protocol::wire;

use super::actors::Actor;
use super::appending::run_seen_from_afar;
use super::chat::{Chat, acked, read_to};
use crate::log::{LogError, LogLimits, LogService};
use crate::testing::{TestDatabase, TestLog};

fn often() -> LogLimits {
    LogLimits {
        snapshot_every: 10,
        ..LogLimits::default()
    }
}

async fn count(database: &TestDatabase, query: &str) -> u64 {
    database.texts(query).await[0].parse().unwrap()
}

/// A space with members, rekeys, several writers and enough entries for snapshots.
async fn busy_space(relay: &LogService, alice: &Actor) -> Chat {
    let bob = Actor::bob();
    let mut chat = Chat::create(relay, alice).await;
    chat.add(relay, alice, &bob).await;
    for n in 0..30_u8 {
        let author = [alice, &bob][usize::from(n % 2)].at_device(n % 5);
        chat.say(relay, &author, &format!("{n}")).await;
        if n % 9 == 0 {
            chat.rekey(relay, alice).await.unwrap();
        }
    }
    chat
}

#[tokio::test]
async fn a_cold_relay_goes_on_exactly_where_a_warm_one_was() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let warm = log.relay_with(often()).await;
    let mut chat = busy_space(&warm, &alice).await;
    let last = chat.event(&alice, "last");
    let ack = acked(chat.publish(&warm, &alice, vec![last.clone()]).await)[0];
    chat.fold_entry(&last);
    warm.drain().await;
    assert!(count(&log.database, "SELECT count(*)::text FROM space_snapshots").await > 0);
    for _ in 0..2 {
        let cold = log.relay_with(often()).await;
        // It knows what it acked, what comes next, and what does not.
        let again = acked(chat.publish(&cold, &alice, vec![last.clone()]).await)[0];
        assert_eq!(
            (again.cursor, again.receipt, again.duplicate),
            (ack.cursor, ack.receipt, true)
        );
        let mut gap = chat.header(&alice);
        gap.writer_index += 1;
        let outcome = chat
            .publish(&cold, &alice, vec![super::chat::event_entry(&gap, &alice, "gap")])
            .await;
        assert_eq!(outcome.refusal.unwrap().code().as_str(), "writer_gap");
        let mut grown = chat.clone();
        grown.say(&cold, &alice.at_device(99), "a new device").await;
        let (mut read, mut subscription) = chat.subscribed(&cold, &alice).await;
        read_to(&mut subscription.reader, &mut read, grown.cursor().seq, 1 << 14).await;
        assert!(read.fold == grown.fold);
        cold.drain().await;
        // The second time, without any snapshot; and without what the new device said.
        log.database
            .execute("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
            .await;
        log.database.execute("DELETE FROM space_snapshots").await;
    }
}

#[tokio::test]
async fn a_damaged_snapshot_is_passed_over() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let warm = log.relay_with(often()).await;
    let mut chat = busy_space(&warm, &alice).await;
    warm.drain().await;
    log.database
        .execute("UPDATE space_snapshots SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)")
        .await;
    let cold = log.relay().await;
    chat.say(&cold, &alice, "after all").await;
}

#[tokio::test]
async fn a_damaged_end_of_the_log_refuses_appends_until_it_is_repaired() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let warm = log.relay().await;
    let mut chat = Chat::create(&warm, &alice).await;
    for n in 0..3 {
        chat.say(&warm, &alice, &format!("{n}")).await;
    }
    let flip = "UPDATE events SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE seq = 5";
    log.database.execute(flip).await;
    let cold = log.relay().await;
    let next = vec![chat.event(&alice, "next")];
    let outcome = chat.publish(&cold, &alice, next.clone()).await;
    assert_eq!(outcome.refusal, Some(LogError::EntryDamaged { seq: 5 }));
    log.database.execute(flip).await;
    acked(chat.publish(&cold, &alice, next).await);
}

/// Resends, as a client does, until everything is acked; returns where each event stands.
async fn write_through_trouble(
    relay: LogService,
    mut chat: Chat,
    author: Actor,
    events: usize,
) -> Vec<(u64, wire::Entry)> {
    let mut places = Vec::new();
    for entry in run_seen_from_afar(&mut chat, &author, events) {
        loop {
            let outcome = chat.publish(&relay, &author, vec![entry.clone()]).await;
            if let [ack] = outcome.acks[..] {
                places.push((ack.cursor.seq, entry));
                break;
            }
            let refusal = outcome.refusal.unwrap();
            assert!(refusal.code().is_transient(), "{refusal:?}");
        }
    }
    places
}

#[tokio::test]
async fn connections_killed_in_the_middle_of_commits_lose_and_repeat_nothing() {
    const WRITERS: u8 = 4;
    const EVENTS: usize = 150;
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let chat = Chat::create(&relay, &alice).await;
    kill_in_commits(&log.database).await;
    let writers = (0..WRITERS).map(|writer| {
        let author = alice.at_device(100 + writer);
        write_through_trouble(relay.clone(), chat.clone(), author, EVENTS)
    });
    let mut acked = join_all(writers).await.concat();
    let commits = count(&log.database, "SELECT last_value::text FROM committed").await;
    assert!(commits > u64::from(WRITERS) * EVENTS as u64, "nothing was undone");
    acked.sort_by_key(|(seq, _)| *seq);
    let mut subscription = log
        .relay()
        .await
        .subscribe(&alice.principal(), chat.id(), chat.cursor())
        .await
        .unwrap();
    let mut expected = acked.into_iter();
    while expected.len() > 0 {
        for page in subscription.reader.next_pages(1 << 16).await.unwrap() {
            for (n, entry) in page.entries().iter().enumerate() {
                let (seq, acked) = expected.next().unwrap();
                assert_eq!((page.first_seq + n as u64, entry.decode().unwrap()), (seq, acked));
            }
        }
    }
    assert_eq!(
        subscription.head.cursor.seq,
        2 + u64::from(WRITERS) * EVENTS as u64
    );
}

/// From now on the database ends every 23rd connection that commits an event, in the middle of that commit.
async fn kill_in_commits(database: &TestDatabase) {
    for statement in [
        "CREATE SEQUENCE committed",
        "CREATE FUNCTION kill_some() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('committed') % 23 = 0 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
            RETURN NULL;
        END $$",
        "CREATE CONSTRAINT TRIGGER kill_some AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION kill_some()",
    ] {
        database.execute(statement).await;
    }
}

#[tokio::test]
async fn a_drained_relay_has_answered_everything_and_takes_no_more() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let (mut read, mut subscription) = chat.subscribed(&relay, &alice).await;
    let calls: Vec<_> = chat
        .run(&alice, 50)
        .into_iter()
        .map(|entry| relay.publish(&alice.principal(), chat.id(), vec![entry]))
        .collect();
    relay.drain().await;
    for answered in join_all(calls).await {
        acked(answered);
    }
    let outcome = chat
        .publish(&relay, &alice, vec![chat.event(&alice, "too late")])
        .await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "maintenance");
    read_to(&mut subscription.reader, &mut read, 52, 1 << 20).await;
}
