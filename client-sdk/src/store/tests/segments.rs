//! Several entries in one row are read as if each had its own.

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::ids::Receipt;
use sealpost_protocol::limits;
use sealpost_protocol::wire::entry::Kind;

use super::*;
use crate::store::log::{NewEntry, Place, WriterKey};
use crate::testing::log::{OTHER_WRITER, TestLog};
use crate::testing::person;
use crate::testing::stage::{ALICE, BOB};

/// Entries of one page.
const PAGE: usize = 50;

/// Alice and Bob write in turns; control records stand between.
pub(in crate::store) fn conversation() -> TestLog {
    let (alice, bob) = (person(ALICE), person(BOB));
    let mut log = TestLog::new(&alice, true);
    for number in 0..70 {
        log.write(&alice, &format!("message {number}"));
    }
    log.add(&alice, &bob, Capabilities::WRITE);
    for number in 0..140 {
        log.write(if number % 3 == 0 { &alice } else { &bob }, "in turns");
    }
    log.rekey(&alice);
    log.rekey(&alice);
    log.write(&bob, "the last one");
    log
}

pub(in crate::store) fn event_of(log: &TestLog, seq: u64) -> Option<ParsedEvent> {
    match log.entries[usize::try_from(seq).unwrap() - 1]
        .kind
        .as_ref()
        .unwrap()
    {
        Kind::Event(event) => Some(ParsedEvent::parse(event).unwrap()),
        Kind::Control(_) => None,
    }
}

fn writer_of(event: &ParsedEvent) -> WriterKey {
    WriterKey {
        principal_id: event.header.principal_id,
        writer_id: event.header.writer_id,
        index: event.header.writer_index,
    }
}

/// The whole log as it is put into the store.
pub(in crate::store) fn verified(log: &TestLog) -> Vec<NewEntry<'_>> {
    (1..)
        .zip(&log.entries)
        .map(|(seq, entry)| {
            let (event_id, writer) = match entry.kind.as_ref().unwrap() {
                Kind::Event(event) => {
                    let event = ParsedEvent::parse(event).unwrap();
                    (event.id(), Some(writer_of(&event)))
                }
                Kind::Control(control) => (ParsedControl::parse(control).unwrap().id(), None),
            };
            let at = log.cursor_at(seq);
            NewEntry {
                place: Place { at, event_id },
                writer,
                entry,
            }
        })
        .collect()
}

/// Keeps a log page by page, with a receipt for the end of each.
pub(super) fn keep(transaction: &StoreTransaction<'_>, log: &TestLog) -> Result<(), Error> {
    let kept = SpaceLog::find_or_create(transaction, log.space_id())?;
    for page in verified(log).chunks(PAGE) {
        kept.append(page)?;
        kept.put_receipt(page.last().unwrap().place.at.seq, &Receipt::new([7; 32]))?;
    }
    Ok(())
}

/// Holds what is read at each place against the log that was kept.
pub(in crate::store) fn expect_all_of(log: &TestLog, kept: &SpaceLog<'_>) {
    let entries = verified(log);
    assert_eq!(kept.cursor().unwrap(), log.head());
    assert_eq!(kept.load_fold().unwrap().as_ref(), Some(&log.fold));
    for (seq, new) in (1..).zip(&entries) {
        assert_eq!(kept.place_at(seq).unwrap(), Some(new.place), "place {seq}");
        let stored = kept.entry_at(seq).unwrap().unwrap();
        assert_eq!(
            (stored.place, &stored.entry),
            (new.place, new.entry),
            "entry {seq}"
        );
        if let Some(event) = event_of(log, seq) {
            assert_eq!(kept.place_of(&event).unwrap(), Some(new.place.at), "event {seq}");
        }
        for count in [1, 3, 300] {
            let behind = kept.entries_after(seq, count, usize::MAX).unwrap();
            let places = behind.iter().map(|stored| stored.place);
            let rest = &entries[usize::try_from(seq).unwrap()..];
            assert!(
                places.eq(rest.iter().take(count).map(|new| new.place)),
                "{count} behind {seq}"
            );
        }
    }
    let head = log.head().seq;
    assert_eq!(kept.root_at(0).unwrap(), Some(log.cursor_at(0).root));
    assert!(kept.place_at(head + 1).unwrap().is_none() && kept.entry_at(head + 1).unwrap().is_none());
    for (behind, until) in [(0, head), (49, 51), (70, 73), (120, 120), (head, head + 5)] {
        let ids = entries.iter().map(|new| new.place);
        let ids = ids.filter(|place| (behind + 1..=until).contains(&place.at.seq));
        let ids: Vec<_> = ids.map(|place| place.event_id).collect();
        assert_eq!(
            kept.event_ids(behind, until).unwrap(),
            ids,
            "behind {behind} up to {until}"
        );
    }
}

async fn stored(log: TestLog) -> (Home, Store) {
    let home = Home::new();
    let store = home.open().await.unwrap();
    store
        .write(move |transaction| keep(transaction, &log))
        .await
        .unwrap();
    (home, store)
}

#[tokio::test]
async fn every_entry_is_read_from_the_middle_of_its_segment_as_it_was_kept() {
    let (_home, store) = stored(conversation()).await;
    let reading = store.read(|transaction| {
        let log = conversation();
        expect_all_of(&log, &SpaceLog::find_or_empty(transaction, log.space_id())?);
        let rows: u64 = transaction
            .sql()
            .query_row("SELECT count(*) FROM segment", [], |row| row.get(0))?;
        assert!(rows <= 10, "{rows} rows for {} entries", log.head().seq);
        Ok(())
    });
    reading.await.unwrap();
    assert_eq!(store.check().await.unwrap().entries, conversation().head().seq);
}

#[tokio::test]
async fn an_event_that_is_not_in_the_log_has_no_place_in_it() {
    let (_home, store) = stored(conversation()).await;
    let reading = store.read(|transaction| {
        let (log, bob) = (conversation(), person(BOB));
        let kept = SpaceLog::find_or_empty(transaction, log.space_id())?;
        let next = log.header(&bob, OTHER_WRITER);
        let mut other = next.clone();
        other.writer_index = 3;
        for header in [next, other] {
            let event = ParsedEvent::parse(&log.event(&bob, &header, "not there")).unwrap();
            assert_eq!(kept.place_of(&event)?, None);
        }
        Ok(())
    });
    reading.await.unwrap();
}

#[tokio::test]
async fn a_fold_remembers_as_many_events_of_a_writer_as_it_would_have_in_memory() {
    let alice = person(ALICE);
    let mut log = TestLog::new(&alice, true);
    for _ in 0..limits::REMEMBERED_EVENTS_PER_WRITER + 60 {
        log.write(&alice, "again");
    }
    let (_home, store) = stored(log.clone()).await;
    let reading = store.read(move |transaction| {
        let kept = SpaceLog::find_or_empty(transaction, log.space_id())?;
        assert_eq!(kept.load_fold()?, Some(log.fold));
        Ok(())
    });
    reading.await.unwrap();
}

#[tokio::test]
async fn what_is_brought_back_begins_in_the_middle_of_a_segment_and_ends_at_a_receipt() {
    let (_home, store) = stored(conversation()).await;
    let reading = store.read(|transaction| {
        let log = conversation();
        let kept = SpaceLog::find_or_empty(transaction, log.space_id())?;
        let last = kept.last_receipt()?.unwrap();
        assert_eq!(last.end, log.head());
        for behind in [0, 1, 49, 50, 60, 71, 72, 199, 210] {
            let run = kept.run_after(behind)?.unwrap();
            let begin = usize::try_from(behind).unwrap();
            assert_eq!(
                run.entries,
                log.entries[begin..begin + run.entries.len()],
                "behind {behind}"
            );
            assert_eq!(run.end, log.cursor_at(behind + run.entries.len() as u64));
        }
        assert_eq!(kept.run_after(log.head().seq)?, None);
        Ok(())
    });
    reading.await.unwrap();
}

#[tokio::test]
async fn a_damaged_segment_is_noticed_and_those_before_it_are_read() {
    for damage in [
        "UPDATE segment SET entries = substr(entries, 1, length(entries) - 1) WHERE last_seq = 100",
        "UPDATE segment SET entries = CAST(entries || x'00' AS BLOB) WHERE last_seq = 100",
        "UPDATE segment SET entries = x'ff' WHERE last_seq = 100",
        "UPDATE segment SET places = substr(places, 2) WHERE last_seq = 100",
        "UPDATE segment SET places = substr(places, 73) WHERE last_seq = 100",
        "UPDATE segment SET places = x'' WHERE last_seq = 100",
    ] {
        let (_home, store) = stored(conversation()).await;
        let damaging = store.write(move |transaction| Ok(transaction.sql().execute_batch(damage)?));
        damaging.await.unwrap();
        assert!(
            matches!(
                store.check().await,
                Err(Error::Store(StoreError::Damaged { table: "segment" }))
            ),
            "{damage}"
        );
        let reading = store.read(move |transaction| {
            let log = conversation();
            let kept = SpaceLog::find_or_empty(transaction, log.space_id())?;
            assert_eq!(kept.entries_after(0, 50, usize::MAX)?.len(), 50, "{damage}");
            assert!(kept.entries_after(90, 5, usize::MAX).is_err(), "{damage}");
            Ok(())
        });
        reading.await.unwrap();
    }
}

#[tokio::test]
async fn a_changed_entry_in_the_middle_of_a_segment_is_noticed() {
    let (_home, store) = stored(conversation()).await;
    let changing = store.write(|transaction| {
        let (sql, event) = (transaction.sql(), event_of(&conversation(), 90).unwrap());
        let select = "SELECT entries FROM segment WHERE last_seq = 100";
        let mut entries: Vec<u8> = sql.query_row(select, [], |row| row.get(0))?;
        let ciphertext = event.ciphertext().unwrap();
        let mut windows = entries.windows(ciphertext.len());
        let at = windows.position(|window| window == ciphertext).unwrap();
        entries[at] ^= 1;
        let changed = "UPDATE segment SET entries = ?1 WHERE last_seq = 100";
        Ok(sql.execute(changed, [entries])?)
    });
    assert_eq!(changing.await.unwrap(), 1);
    assert!(matches!(
        store.check().await,
        Err(Error::Store(StoreError::Damaged { table: "segment" }))
    ));
}

#[tokio::test]
async fn nothing_of_a_space_that_is_forgotten_stays() {
    let (_home, store) = stored(conversation()).await;
    let forgetting = store.write(|transaction| {
        transaction.forget_space(conversation().space_id())?;
        for table in ["space", "writer", "segment", "part", "receipt"] {
            let count = format!("SELECT count(*) FROM {table}");
            let left: u64 = transaction.sql().query_row(&count, [], |row| row.get(0))?;
            assert_eq!(left, 0, "{table}");
        }
        Ok(())
    });
    forgetting.await.unwrap();
}
