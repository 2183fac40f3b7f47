//! A process that is killed while it writes has lost nothing that it was told is written.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::Home;
use crate::store::Store;

const HOME: &str = "SEALPOST_TEST_CRASH_HOME";
/// Writes that are waited for before the kill.
const WRITES: u64 = 200;

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

#[tokio::test]
async fn killed_writer_has_lost_nothing_it_was_told_is_written() {
    let home = Home::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "store::tests::crash::writer_to_be_killed",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(HOME, home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let last = format!("written {WRITES}");
    output
        .lines()
        .map(Result::unwrap)
        .find(|line| *line == last)
        .unwrap();
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
