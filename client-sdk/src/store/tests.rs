mod crash;
pub(super) mod segments;

use std::os::unix::fs::PermissionsExt;

use rusqlite::params;
use sealpost_protocol::ids::{AccountId, SpaceId};
use tempfile::TempDir;

use super::account::LocalAccount;
use super::log::{Evidence, SpaceLog, Weight};
use super::*;
use crate::error::Alarm;
use crate::keystore::testing::content;

pub(super) struct Home {
    folder: TempDir,
}

impl Home {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    async fn open(&self) -> Result<Store, Error> {
        Store::open(&self.path()).await
    }
}

fn account(id: u8) -> LocalAccount {
    LocalAccount {
        owner: None,
        account_id: AccountId::new([id; 16]),
        ..LocalAccount::for_tests(content())
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn home_and_its_files_belong_to_the_owner_alone() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    store
        .write(|transaction| transaction.put_account(&account(1)))
        .await
        .unwrap();
    assert_eq!(mode(&home.path()), 0o700);
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn home_that_others_can_read_is_refused() {
    let home = Home::new();
    home.open().await.unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o750)).unwrap();
    let refused = home.open().await.err();
    assert!(matches!(refused, Some(Error::Store(StoreError::NotPrivate(_)))));
}

#[tokio::test]
async fn account_survives_reopening_and_another_one_is_refused() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    store
        .write(|transaction| transaction.put_account(&account(1)))
        .await
        .unwrap();
    drop(store);
    let store = home.open().await.unwrap();
    let read = store
        .read(|transaction| transaction.account())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((read.handle.as_str(), read.generation.number), ("alice", 1));
    let refused = store
        .write(|transaction| transaction.put_account(&account(9)))
        .await;
    assert!(matches!(refused, Err(Error::Store(StoreError::OtherAccount))));
}

#[tokio::test]
async fn no_secret_lies_in_the_files_readable() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    store
        .write(|transaction| transaction.put_account(&account(1)))
        .await
        .unwrap();
    drop(store);
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [&[3_u8; 32][..], &[4; 32], b"alice"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

#[tokio::test]
async fn value_opens_in_its_own_row_only() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    store
        .read(|transaction| {
            let sealed = transaction.seal("one", &[b"a", b"b"], b"value");
            assert_eq!(transaction.open("one", &[b"a", b"b"], &sealed)?[..], *b"value");
            for (table, key) in [
                ("two", [&b"a"[..], b"b"]),
                ("one", [b"ab", b""]),
                ("one", [b"b", b"a"]),
            ] {
                assert!(transaction.open(table, &key, &sealed).is_err());
            }
            assert!(transaction.open("one", &[b"a", b"b"], &sealed[1..]).is_err());
            assert!(transaction.open("one", &[b"a", b"b"], &[]).is_err());
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn value_moved_to_another_account_is_damaged() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    store
        .write(|transaction| transaction.put_account(&account(1)))
        .await
        .unwrap();
    let moved = store
        .write(|transaction| {
            let id = [9_u8; 16];
            transaction
                .sql()
                .execute("UPDATE account SET account_id = ?1", params![id])?;
            Ok(())
        })
        .await;
    moved.unwrap();
    let refused = store.read(|transaction| transaction.account()).await.err();
    assert!(matches!(
        refused,
        Some(Error::Store(StoreError::Damaged { table: "account" }))
    ));
}

#[tokio::test]
async fn failed_work_leaves_nothing() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    let failed: Result<(), Error> = store
        .write(|transaction| {
            transaction.put_account(&account(1))?;
            Err(Error::usage("changed my mind"))
        })
        .await;
    assert!(failed.is_err());
    assert!(
        store
            .read(|transaction| transaction.account())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn two_processes_see_each_other_in_one_home() {
    let home = Home::new();
    let (one, two) = tokio::join!(home.open(), home.open());
    let (one, two) = (one.unwrap(), two.unwrap());
    one.write(|transaction| transaction.put_account(&account(1)))
        .await
        .unwrap();
    assert!(
        two.read(|transaction| transaction.account())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn database_without_its_device_key_is_not_started_over() {
    let home = Home::new();
    home.open().await.unwrap();
    std::fs::remove_file(home.path().join("device.key")).unwrap();
    let missing = home.path().join("device.key");
    assert!(matches!(
        home.open().await.err(),
        Some(Error::Store(StoreError::DeviceKeyMissing(key))) if key == missing
    ));
}

#[tokio::test]
async fn store_of_a_newer_program_is_refused() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    let raised =
        store.write(|transaction| Ok(transaction.sql().execute_batch("PRAGMA user_version = 1000")?));
    raised.await.unwrap();
    drop(store);
    let refused = home.open().await.err();
    assert!(matches!(
        refused,
        Some(Error::Store(StoreError::Newer { found: 1000, .. }))
    ));
}

#[tokio::test]
async fn check_passes_a_whole_store_and_names_a_value_that_was_changed() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    store
        .write(|transaction| transaction.put_account(&account(1)))
        .await
        .unwrap();
    assert_eq!(store.check().await.unwrap(), StoreReport::default());
    let change = "UPDATE account SET sealed = zeroblob(length(sealed))";
    let changed = store.write(|transaction| Ok(transaction.sql().execute_batch(change)?));
    changed.await.unwrap();
    assert!(matches!(
        store.check().await,
        Err(Error::Store(StoreError::Damaged { table: "account" }))
    ));
}

#[tokio::test]
async fn check_notices_a_page_of_the_file_that_was_overwritten() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    let emptied = store.write(|transaction| {
        transaction.put_account(&account(1))?;
        Ok(transaction.sql().execute_batch("PRAGMA user_version")?)
    });
    emptied.await.unwrap();
    drop(store);
    let file = home.path().join("store.sqlite3");
    let mut bytes = std::fs::read(&file).unwrap();
    // The first page holds the schema; the second one is the root of a table.
    bytes[4096..8192].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    let damaged = home.open().await.unwrap().check().await.err();
    assert!(
        matches!(damaged, Some(Error::Store(StoreError::Corrupt(_)))),
        "{damaged:?}"
    );
}

#[tokio::test]
async fn destroyed_store_takes_its_own_locks_along_and_no_others() {
    let home = Home::new();
    drop(home.open().await.unwrap());
    for name in ["send-ab.lock", "agent-run-ab.lock", "account.lock", "Cargo.lock"] {
        File::create(home.path().join(name)).unwrap();
    }
    Store::destroy(&home.path()).unwrap();
    let left = list(&home.path()).unwrap();
    assert_eq!(left, [home.path().join("Cargo.lock")]);
}

#[tokio::test]
async fn destroyed_store_leaves_no_key_and_no_data() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    store
        .write(|transaction| transaction.put_account(&account(1)))
        .await
        .unwrap();
    std::fs::write(home.path().join("send-space.lock"), "").unwrap();
    Store::destroy(&home.path()).unwrap();
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn check_reads_what_is_kept_of_relays_and_of_spaces_that_are_being_made() {
    for (table, row) in [
        (
            "creation",
            "INSERT INTO creation VALUES (zeroblob(32), zeroblob(64))",
        ),
        (
            "relay",
            "INSERT INTO relay VALUES ('https://other.example.org', zeroblob(64))",
        ),
    ] {
        let home = Home::new();
        let store = home.open().await.unwrap();
        let put = store.write(move |transaction| Ok(transaction.sql().execute_batch(row)?));
        put.await.unwrap();
        let damaged = store.check().await.err();
        let named =
            matches!(&damaged, Some(Error::Store(StoreError::Damaged { table: named })) if *named == table);
        assert!(named, "{table}: {damaged:?}");
    }
}

#[tokio::test]
async fn evidence_of_what_went_on_does_not_push_out_why_a_space_stopped() {
    let home = Home::new();
    let store = home.open().await.unwrap();
    let kept = store.write(|transaction| {
        let log = SpaceLog::find_or_create(transaction, SpaceId::new([7; 32]))?;
        let evidence = |what: &str, weight| Evidence {
            weight,
            at_ms: 1,
            alarm: Alarm::new(what),
            bytes: Vec::new(),
            proof: None,
        };
        log.put_evidence(&evidence("a fork", Weight::Standing))?;
        for _ in 0..100 {
            log.put_evidence(&evidence("a bad wrap", Weight::Passing))?;
        }
        log.evidence()
    });
    let kept = kept.await.unwrap();
    assert_eq!(kept[0].alarm.what, "a fork");
    assert_eq!(kept.len(), 1 + 16);
}
