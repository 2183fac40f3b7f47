use sealpost_protocol::ids::SpaceId;
use tempfile::TempDir;

use super::*;
use crate::entropy::SystemEntropy;

const SPACE: SpaceId = SpaceId::new([7; 32]);

fn ledger(folder: &TempDir) -> ShredFolder {
    ShredFolder::open(folder.path(), Arc::new(SystemEntropy)).unwrap()
}

async fn keep(relay: &ShredFolder) -> Result<(), ShredLedgerError> {
    let prepared = relay.prepare(SPACE, Bytes::from_static(b"entry")).await?;
    prepared.keep().await
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn entry_is_kept_under_the_name_of_its_space_alone() {
    let folder = TempDir::new().unwrap();
    for relay in [ledger(&folder), ledger(&folder)] {
        keep(&relay).await.unwrap();
        assert_eq!(
            relay.all().await.unwrap(),
            [(SPACE, Bytes::from_static(b"entry"))]
        );
    }
    assert_eq!(names(&folder), [format!("{SPACE}.tombstone")]);
}

#[tokio::test]
async fn entry_that_is_cut_short_is_written_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(format!("{SPACE}.tombstone"));
    for damage in [&b""[..], b"ent"] {
        fs::write(&path, damage).unwrap();
        keep(&ledger(&folder)).await.unwrap();
        let kept = ledger(&folder).all().await.unwrap();
        assert_eq!(kept, [(SPACE, Bytes::from_static(b"entry"))]);
    }
}

/// Two relays with the same entropy stand for two whose processes have the same number.
#[tokio::test]
async fn draft_of_another_relay_is_never_written_into() {
    struct Always;
    impl Entropy for Always {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(9);
        }
    }
    let folder = TempDir::new().unwrap();
    let draft = folder.path().join(format!("{SPACE}.draft-{}", "09".repeat(8)));
    fs::write(&draft, b"of another relay").unwrap();
    let relay = ShredFolder::open(folder.path(), Arc::new(Always)).unwrap();
    assert!(keep(&relay).await.is_err());
    assert_eq!(fs::read(&draft).unwrap(), b"of another relay");
}

#[tokio::test]
async fn entry_that_is_prepared_and_given_up_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let relay = ledger(&folder);
    let prepared = relay.prepare(SPACE, Bytes::from_static(b"entry")).await.unwrap();
    assert_eq!(names(&folder).len(), 1);
    assert_eq!(relay.all().await.unwrap(), []);
    drop(prepared);
    assert_eq!(names(&folder).len(), 0);
}
