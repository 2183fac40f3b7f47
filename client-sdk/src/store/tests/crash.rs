//! A process that is killed while it writes has lost nothing that it was told is written.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::Home;
use super::segments::{conversation, verified};
use crate::store::Store;
use crate::store::log::SpaceLog;

const HOME: &str = "SEALPOST_TEST_CRASH_HOME";
/// Writes that are waited for before the kill.
const WRITES: u64 = 200;
/// Entries of a page.
const PAGE: usize = 7;

/// Not a test of its own: what [`killed_writer_has_lost_nothing_it_was_told_is_written`] runs in a process it can kill.
#[tokio::test]
#[ignore = "the child of another test"]
async fn writer_to_be_killed() {
    let home = std::env::var_os(HOME).expect("set by the parent");
    let store = Store::open(home.as_ref()).await.unwrap();
    for number in 0_u64.. {
        store
            .write(move |transaction| {
                let origin = number.to_string();
                let pin = crate::keystore::testing::content().relay;
                transaction.pin_relay(&origin, pin)
            })
            .await
            .unwrap();
        println!("\nwritten {number}");
    }
}

/// Runs a test of this program alone, in a process that can be killed.
fn start_child(home: &Home, test: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(HOME, home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the child has printed a line.
fn await_line(child: &mut Child, line: &str) {
    let output = BufReader::new(child.stdout.take().unwrap());
    let found = output.lines().map(Result::unwrap).find(|printed| printed == line);
    assert_eq!(found.as_deref(), Some(line));
}

#[tokio::test]
async fn killed_writer_has_lost_nothing_it_was_told_is_written() {
    let home = Home::new();
    let mut child = start_child(&home, "store::tests::crash::writer_to_be_killed");
    await_line(&mut child, &format!("written {WRITES}"));
    child.kill().unwrap();
    child.wait().unwrap();
    let store = Store::open(&home.path()).await.unwrap();
    for number in 0..=WRITES {
        let pin = store
            .read(move |transaction| transaction.relay_pin(&number.to_string()))
            .await;
        assert!(pin.unwrap().is_some(), "write {number} is lost");
    }
}

/// Not a test of its own: what [`killed_reader_has_whole_pages_and_its_cursor_behind_the_last`] runs in a process it can kill.
#[tokio::test]
#[ignore = "the child of another test"]
async fn reader_to_be_killed() {
    let home = std::env::var_os(HOME).expect("set by the parent");
    let store = Store::open(home.as_ref()).await.unwrap();
    let log = Arc::new(conversation());
    for page in 0..log.entries.len().div_ceil(PAGE) {
        let log = Arc::clone(&log);
        let kept = store.write(move |transaction| {
            let kept = SpaceLog::find_or_create(transaction, log.space_id())?;
            let entries = verified(&log);
            let last = entries.len().min((page + 1) * PAGE);
            kept.append(&entries[page * PAGE..last])
        });
        kept.await.unwrap();
        println!("\nwritten {page}");
    }
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn killed_reader_has_whole_pages_and_its_cursor_behind_the_last() {
    for pages in [1_u64, 7, 30] {
        let home = Home::new();
        let mut child = start_child(&home, "store::tests::crash::reader_to_be_killed");
        await_line(&mut child, &format!("written {}", pages - 1));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&home.path()).await.unwrap();
        let reading = store.read(|transaction| {
            let log = conversation();
            let kept = SpaceLog::find_or_empty(transaction, log.space_id())?;
            let cursor = kept.cursor()?;
            assert_eq!(cursor, log.cursor_at(cursor.seq));
            assert_eq!(kept.load_fold()?.unwrap().cursor(), cursor);
            assert_eq!(kept.entries_after(cursor.seq, 1, 1)?, []);
            Ok(cursor.seq)
        });
        let reached = reading.await.unwrap();
        assert!(reached >= pages * PAGE as u64, "{reached}");
        assert_eq!(store.check().await.unwrap().entries, reached);
    }
}
