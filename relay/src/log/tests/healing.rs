//! After a restore from an older backup: tails that come back to their places, and those that do not.

use std::time::Duration;

use futures_util::future::join_all;
use sealpost_protocol::ids::Receipt;
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, control_record::Body, entry::Kind};

use super::actors::Actor;
use super::chat::{Chat, acked};
use crate::clock::Clock;
use crate::log::{LogError, LogLimits, LogService, Tail};
use crate::testing::TestLog;

/// One place of a log, as a client keeps it.
type Held = (Cursor, wire::Entry, Receipt);

/// All of a log, with the receipt for each place.
async fn held(relay: &LogService, chat: &Chat, reader: &Actor) -> Vec<Held> {
    let mut subscription = relay
        .subscribe(&reader.principal(), chat.id(), chat.start())
        .await
        .unwrap();
    let mut held = Vec::new();
    while held.len() < usize::try_from(chat.cursor().seq).unwrap() {
        for page in subscription.reader.next_pages(1).await.unwrap() {
            held.push((page.last, page.entries()[0].decode().unwrap(), page.receipt()));
        }
    }
    held
}

/// What of it stands behind a place, up to another.
fn tail(held: &[Held], after: u64, up_to: u64) -> Tail {
    let (after, up_to) = (usize::try_from(after).unwrap(), usize::try_from(up_to).unwrap());
    let (end, _, receipt) = held[up_to - 1];
    Tail {
        entries: held[after..up_to]
            .iter()
            .map(|(_, entry, _)| entry.clone())
            .collect(),
        end,
        receipt,
    }
}

/// What the database of a relay is after a restore from a backup made at this place; and a relay on it.
pub(super) async fn restored(log: &TestLog, seq: u64, limits: LogLimits) -> LogService {
    for statement in [
        format!("DELETE FROM events WHERE seq > {seq}"),
        "DELETE FROM space_snapshots".to_owned(),
        format!("DELETE FROM wraps WHERE named_by_seq IS NULL OR named_by_seq > {seq}"),
        "DELETE FROM relay_state".to_owned(),
    ] {
        log.database.execute(statement).await;
    }
    log.clock.advance(time::Duration::hours(1));
    let now = log.clock.now().unix_timestamp();
    let life = format!(
        "INSERT INTO relay_state VALUES (true, decode(repeat('07', 16), 'hex'), to_timestamp({now}))"
    );
    log.database.execute(life).await;
    log.relay_with(limits).await
}

fn at_once() -> LogLimits {
    LogLimits {
        recovering_for: Duration::ZERO,
        ..LogLimits::default()
    }
}

async fn heal(relay: &LogService, healer: &Actor, chat: &Chat, tail: Tail) -> Result<Cursor, LogError> {
    relay.heal(&healer.principal(), chat.id(), tail).await
}

#[tokio::test]
async fn a_tail_of_events_rekeys_and_a_removal_comes_back_to_its_places() {
    let (log, alice, bob, carol) = (TestLog::new().await, Actor::alice(), Actor::bob(), Actor::new(3));
    let before = log.relay().await;
    let mut chat = Chat::create(&before, &alice).await;
    chat.add(&before, &alice, &bob).await;
    chat.say(&before, &bob, "in the backup").await;
    let backup = chat.cursor().seq;
    chat.add(&before, &alice, &carol).await;
    chat.say(&before, &carol, "behind it").await;
    let removal = chat.removal(&before, &alice, &bob).await;
    chat.all(&before, &alice, removal).await;
    chat.say(&before, &alice, "without him").await;
    let held = held(&before, &chat, &carol).await;
    before.drain().await;

    let after = restored(&log, backup, at_once()).await;
    let asked = heal(
        &after,
        &carol,
        &chat,
        tail(&held, chat.cursor().seq, chat.cursor().seq),
    )
    .await;
    assert_eq!(asked, Ok(chat.at(backup)));
    // She came after the backup: for the relay she is nobody, and her tail is as good as anybody's.
    let healed = heal(&after, &carol, &chat, tail(&held, backup, chat.cursor().seq)).await;
    assert_eq!(healed, Ok(chat.cursor()));
    let (mut read, mut subscription) = chat.subscribed(&after, &carol).await;
    super::chat::read_to(&mut subscription.reader, &mut read, chat.cursor().seq, 1 << 20).await;
    assert!(read.fold == chat.fold);
    let refused = after
        .subscribe(&bob.principal(), chat.id(), chat.at(backup))
        .await;
    assert_eq!(refused.unwrap_err(), LogError::NotAMember);
    assert_eq!(after.spaces_of(&bob.id()).await.unwrap(), []);
    assert_eq!(after.spaces_of(&carol.id()).await.unwrap().len(), 1);
    chat.say(&after, &carol, "and on").await;
}

#[tokio::test]
async fn a_space_that_was_made_after_the_backup_comes_back_from_its_first_record() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let before = log.relay().await;
    let mut chat = Chat::create(&before, &alice).await;
    chat.say(&before, &alice, "all of it is lost").await;
    let held = held(&before, &chat, &alice).await;
    before.drain().await;
    log.database.execute("DELETE FROM spaces").await;
    log.database.execute("DELETE FROM members").await;
    let after = restored(&log, 0, LogLimits::default()).await;
    let (all, asking) = (
        chat.cursor().seq,
        tail(&held, chat.cursor().seq, chat.cursor().seq),
    );
    assert_eq!(heal(&after, &alice, &chat, asking).await, Ok(chat.start()));
    let rest = heal(&after, &alice, &chat, tail(&held, 1, all)).await;
    assert_eq!(rest, Ok(chat.start()), "what does not follow is not taken");
    assert_eq!(
        heal(&after, &alice, &chat, tail(&held, 0, all)).await,
        Ok(chat.cursor())
    );
    chat.say(
        &after,
        &alice,
        "and on, for nothing of it is older than this life",
    )
    .await;
}

#[tokio::test]
async fn healers_who_come_together_bring_it_back_once() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let before = log.relay().await;
    let mut chat = Chat::create(&before, &alice).await;
    let backup = chat.cursor().seq;
    for n in 0..40 {
        chat.say(&before, &alice, &format!("{n}")).await;
    }
    let held = held(&before, &chat, &alice).await;
    before.drain().await;
    let first = restored(&log, backup, at_once()).await;
    let second = log.relay_with(at_once()).await;
    let end = chat.cursor().seq;
    // From different places on, in parts that overlap.
    let parts = [
        (backup, end - 20),
        (backup, end),
        (backup + 10, end - 5),
        (end, end),
    ];
    let mut reached = backup;
    while reached < end {
        let healing = parts.iter().flat_map(|(after, up_to)| {
            let both = [&first, &second];
            both.map(|relay| heal(relay, &alice, &chat, tail(&held, *after, *up_to)))
        });
        for healed in join_all(healing).await {
            let at = healed.unwrap();
            assert_eq!(at, chat.at(at.seq));
            reached = reached.max(at.seq);
        }
    }
    let count = log.database.texts("SELECT count(*)::text FROM events").await;
    assert_eq!(count, [end.to_string()]);
    chat.say(&second, &alice, "and on").await;
}

#[tokio::test]
async fn forged_tails_are_refused_and_leave_the_log_as_it_was() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let before = log.relay().await;
    let mut chat = Chat::create(&before, &alice).await;
    chat.add(&before, &alice, &bob).await;
    let backup = chat.cursor().seq;
    let removal = chat.removal(&before, &alice, &bob).await;
    let of_bob = chat.event(&bob, "he was removed");
    let other = chat.event(&alice, "never acked");
    chat.all(&before, &alice, removal).await;
    chat.say(&before, &alice, "one").await;
    chat.say(&before, &alice, "two").await;
    let end = chat.cursor().seq;
    let held = held(&before, &chat, &alice).await;
    before.drain().await;
    let after = restored(&log, backup, at_once()).await;
    let good = || tail(&held, backup, end);

    let mut no_receipt = good();
    no_receipt.receipt = Receipt::new([7; 32]);
    let mut of_another_place = good();
    of_another_place.receipt = held[0].2;
    let mut altered = good();
    let last = altered.entries.last_mut().unwrap();
    if let Some(Kind::Event(event)) = &mut last.kind {
        event.ciphertext = vec![7; event.ciphertext.len()].into();
    }
    let mut without_content = good();
    let last = without_content.entries.last_mut().unwrap();
    if let Some(Kind::Event(event)) = &mut last.kind {
        event.ciphertext_hash = sealpost_protocol::hash::sha256(&event.ciphertext).to_vec().into();
        event.ciphertext = bytes::Bytes::new();
    }
    let mut of_the_removed = good();
    *of_the_removed.entries.last_mut().unwrap() = of_bob;
    let mut exchanged = tail(&held, backup, backup + 1);
    exchanged.entries = vec![other];
    let mut reordered = good();
    reordered.entries.reverse();
    let mut twice = good();
    let at = twice.entries.len() - 1;
    twice.entries[at] = twice.entries[at - 1].clone();
    let mut too_many = good();
    too_many.entries = vec![held[2].1.clone(); limits::MAX_ENTRIES_PER_HEAL + 1];
    for (forged, code) in [
        (no_receipt, "receipt_invalid"),
        (of_another_place, "receipt_invalid"),
        (altered, "bad_signature"),
        (without_content, "malformed"),
        (of_the_removed, "not_a_member"),
        (exchanged, "receipt_invalid"),
        (reordered, "control_conflict"),
        (twice, "malformed"),
        (too_many, "too_large"),
    ] {
        let refused = heal(&after, &bob, &chat, forged).await.unwrap_err();
        assert_eq!(refused.code().as_str(), code, "{refused}");
    }
    let count = log.database.texts("SELECT max(seq)::text FROM events").await;
    assert_eq!(count, [backup.to_string()]);
    assert_eq!(heal(&after, &bob, &chat, good()).await, Ok(chat.cursor()));
}

#[tokio::test]
async fn a_tail_whose_places_were_taken_is_superseded() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let before = log.relay().await;
    let mut chat = Chat::create(&before, &alice).await;
    let backup = chat.cursor().seq;
    let mut other = chat.clone();
    chat.say(&before, &alice, "lost").await;
    let held = held(&before, &chat, &alice).await;
    before.drain().await;
    let after = restored(&log, backup, at_once()).await;
    other.say(&after, &alice.at_device(9), "instead").await;
    let end = chat.cursor().seq;
    let refused = heal(&after, &alice, &chat, tail(&held, backup, end)).await;
    assert_eq!(refused, Err(LogError::Superseded));
    assert_eq!(refused.unwrap_err().code().as_str(), "superseded");
}

#[tokio::test]
async fn restored_space_takes_nothing_new_until_healers_had_their_time() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let before = log.relay().await;
    let mut chat = Chat::create(&before, &alice).await;
    let backup = chat.cursor().seq;
    let known = chat.clone();
    chat.say(&before, &alice, "behind the backup").await;
    let held = held(&before, &chat, &alice).await;
    before.drain().await;
    let after = restored(&log, backup, LogLimits::default()).await;
    let subscription = after
        .subscribe(&alice.principal(), chat.id(), chat.at(backup))
        .await
        .unwrap();
    assert!(subscription.head.recovering);
    let device = alice.at_device(9);
    let fresh = known.event(&device, "too early");
    let record = known.record(&alice, Body::SetPolicy(wire::SetPolicy::default()));
    for (author, entry) in [(&device, fresh.clone()), (&alice, record)] {
        let refusal = known.publish(&after, author, vec![entry]).await.refusal.unwrap();
        assert_eq!(refusal.code().as_str(), "recovering");
        assert!(
            refusal.retry_after().unwrap() <= Duration::from_secs(120),
            "{refusal:?}"
        );
    }
    // What it has is acked as ever, other spaces are made, and the tail comes back.
    let genesis = held[0].1.clone();
    assert!(acked(known.publish(&after, &alice, vec![genesis]).await)[0].duplicate);
    Chat::create(&after, &bob).await;
    let healed = heal(&after, &alice, &chat, tail(&held, backup, chat.cursor().seq)).await;
    assert_eq!(healed, Ok(chat.cursor()));
    log.clock.advance(time::Duration::seconds(121));
    let outcome = known.publish(&after, &device, vec![fresh]).await;
    assert_eq!(acked(outcome)[0].cursor.seq, chat.cursor().seq + 1);
}

#[tokio::test]
async fn a_space_that_was_made_and_deleted_after_the_backup_is_not_brought_back() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let before = log.relay().await;
    let mut chat = Chat::create(&before, &alice).await;
    chat.say(&before, &alice, "to be deleted").await;
    let (held, end) = (held(&before, &chat, &alice).await, chat.cursor().seq);
    chat.control(&before, &alice, Body::Tombstone(wire::Tombstone {}))
        .await
        .unwrap();
    before.drain().await;
    log.database.execute("DELETE FROM spaces").await;
    let after = restored(&log, 0, at_once()).await;
    assert_eq!(after.replay_shreds().await, Ok(0));
    let refused = heal(&after, &alice, &chat, tail(&held, 0, end))
        .await
        .unwrap_err();
    assert_eq!(refused.code().as_str(), "tombstoned");
}
