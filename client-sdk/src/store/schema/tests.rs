//! A store of before there were segments is brought up to them.

use prost::Message as _;
use rusqlite::params;

use super::*;
use crate::store::log::SpaceLog;
use crate::store::tests::Home;
use crate::store::tests::segments::{conversation, event_of, expect_all_of, verified};
use crate::store::vault::Vault;
use crate::store::{DATABASE, Store, prepare_home};
use crate::testing::log::TestLog;

/// The steps that a store had taken which has a row for each entry.
const BEFORE_SEGMENTS: usize = 12;

/// A store as the program of then would have left it, with a receipt for each tenth place.
fn store_of_before(home: &Home, log: &TestLog) -> Connection {
    prepare_home(&home.path()).unwrap();
    Vault::open(&home.path(), false).unwrap();
    let mut sql = Connection::open(home.path().join(DATABASE)).unwrap();
    take(&mut sql, &STEPS[..BEFORE_SEGMENTS]).unwrap();
    let head = log.head();
    let (space_id, root) = (log.space_id(), head.root);
    sql.execute(
        "INSERT INTO space (space_id, seq, root) VALUES (?1, ?2, ?3)",
        params![space_id.as_bytes(), head.seq, root.as_bytes()],
    )
    .unwrap();
    for new in verified(log) {
        let place = new.place;
        let writer: Option<i64> = new.writer.map(|key| {
            sql.query_row(
                "INSERT INTO writer (space, principal_id, writer_id, last_seq) VALUES (1, ?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq RETURNING number",
                params![
                    key.principal_id.as_bytes(),
                    key.writer_id.as_bytes(),
                    place.at.seq
                ],
                |row| row.get(0),
            )
            .unwrap()
        });
        let receipt = (place.at.seq % 10 == 0).then_some([7_u8; 32]);
        sql.execute(
            "INSERT INTO entry VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                place.at.seq,
                place.at.root.as_bytes(),
                place.event_id.as_bytes(),
                writer,
                new.writer.map(|key| key.index),
                new.entry.encode_to_vec(),
                receipt
            ],
        )
        .unwrap();
    }
    sql
}

#[tokio::test]
async fn entries_receipts_and_writers_of_an_older_store_are_carried_over() {
    let (home, log) = (Home::new(), conversation());
    drop(store_of_before(&home, &log));
    let store = Store::open(&home.path()).await.unwrap();
    assert_eq!(store.check().await.unwrap().entries, log.head().seq);
    let carried = store.write(|transaction| {
        let log = conversation();
        let kept = SpaceLog::find_or_empty(transaction, log.space_id())?;
        expect_all_of(&log, &kept);
        assert_eq!(kept.last_receipt()?.unwrap().end, log.cursor_at(210));
        let run = kept.run_after(105)?.unwrap();
        assert_eq!((run.entries.len(), run.end.seq), (105, 210));
        // What is new is added behind it.
        let mut longer = log.clone();
        longer.write(&crate::testing::person(1), "after the update");
        kept.append(&verified(&longer)[log.entries.len()..])?;
        expect_all_of(&longer, &kept);
        assert!(
            kept.place_of(&event_of(&longer, longer.head().seq).unwrap())?
                .is_some()
        );
        Ok(())
    });
    carried.await.unwrap();
}

#[tokio::test]
async fn a_store_that_cannot_be_carried_over_stays_as_it_was() {
    let home = Home::new();
    let sql = store_of_before(&home, &conversation());
    sql.execute("UPDATE entry SET root = x'00' WHERE seq = 200", [])
        .unwrap();
    assert!(Store::open(&home.path()).await.is_err());
    let version: usize = sql
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    let entries: u64 = sql
        .query_row("SELECT count(*) FROM entry", [], |row| row.get(0))
        .unwrap();
    assert_eq!((version, entries), (BEFORE_SEGMENTS, conversation().head().seq));
}

#[tokio::test]
async fn an_entry_that_was_damaged_before_is_noticed_as_it_would_have_been() {
    let home = Home::new();
    let sql = store_of_before(&home, &conversation());
    sql.execute("UPDATE entry SET body = x'0102' WHERE seq = 200", [])
        .unwrap();
    drop(sql);
    let store = Store::open(&home.path()).await.unwrap();
    assert!(matches!(
        store.check().await,
        Err(Error::Store(StoreError::Damaged { table: "segment" }))
    ));
}
