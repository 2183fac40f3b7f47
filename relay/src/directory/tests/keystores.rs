use sealpost_protocol::http::{KeystorePut, PrincipalLookup};
use sealpost_protocol::limits::KEPT_KEYSTORE_FOR;

use super::super::*;
use crate::testing::{ORIGIN, Person, TestDirectory, authenticate, registered};

fn put(base_version: u64, keystore: &[u8]) -> KeystorePut {
    KeystorePut {
        base_version,
        keystore: keystore.to_vec().into(),
    }
}

#[tokio::test]
async fn a_change_on_the_current_version_becomes_the_next() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let version = test
        .directory
        .put_keystore(&alice, &put(1, b"two"))
        .await
        .unwrap()
        .version;
    let current = test.directory.keystore(&alice).await.unwrap();
    assert_eq!(
        (version, current.version, current.keystore.0.as_slice()),
        (2, 2, b"two".as_slice())
    );
}

#[tokio::test]
async fn a_change_on_any_other_version_is_a_conflict_and_changes_nothing() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    for base_version in [0, 2, u64::MAX, i64::MAX as u64] {
        let refused = test
            .directory
            .put_keystore(&alice, &put(base_version, b"x"))
            .await;
        assert!(
            matches!(refused, Err(DirectoryError::KeystoreConflict)),
            "{base_version}"
        );
    }
    assert_eq!(test.directory.keystore(&alice).await.unwrap().version, 1);
}

#[tokio::test]
async fn of_changes_that_race_exactly_one_wins() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let writes: Vec<_> = (0_u8..8).map(|index| put(1, &[index + 1])).collect();
    let results =
        futures_util::future::join_all(writes.iter().map(|put| test.directory.put_keystore(&alice, put)))
            .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(test.directory.keystore(&alice).await.unwrap().version, 2);
}

#[tokio::test]
async fn the_last_ten_versions_are_kept_and_each_can_be_read() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    for base_version in 1..=12_u8 {
        test.clock.advance(KEPT_KEYSTORE_FOR.try_into().unwrap());
        test.directory
            .put_keystore(&alice, &put(base_version.into(), &[base_version + 1]))
            .await
            .unwrap();
    }
    let history = test.directory.keystore_history(&alice).await.unwrap().versions;
    let listed: Vec<_> = history.iter().map(|item| (item.version, item.length)).collect();
    assert_eq!(
        listed,
        (4..=13).rev().map(|version| (version, 1)).collect::<Vec<_>>()
    );
    assert_eq!(
        test.directory
            .keystore_version(&alice, 4)
            .await
            .unwrap()
            .keystore
            .0,
        [4]
    );
    for gone in [0, 3, 14, u64::MAX] {
        let refused = test.directory.keystore_version(&alice, gone).await;
        assert!(matches!(refused, Err(DirectoryError::NotFound)), "{gone}");
    }
}

/// Whoever has stolen a session puts what it likes, as often as it likes.
#[tokio::test]
async fn a_version_that_was_current_within_a_week_is_pushed_out_by_nothing() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    test.directory
        .put_keystore(&alice, &put(1, b"good"))
        .await
        .unwrap();
    test.clock.advance(time::Duration::days(100));
    let push = async |base_version| {
        let pushed = test
            .directory
            .put_keystore(&alice, &put(base_version, b"bad"))
            .await;
        pushed.unwrap().version
    };
    for base_version in 2..=30 {
        push(base_version).await;
    }
    let week: time::Duration = KEPT_KEYSTORE_FOR.try_into().unwrap();
    test.clock.advance(week - time::Duration::SECOND);
    push(31).await;
    let good = test.directory.keystore_version(&alice, 2).await.unwrap();
    assert_eq!(good.keystore.0, b"good");
    assert!(test.directory.keystore_version(&alice, 1).await.is_err());

    test.clock.advance(time::Duration::SECOND);
    push(32).await;
    assert!(test.directory.keystore_version(&alice, 2).await.is_err());
}

async fn with_room(keystores_per_day: u64, keystore_bytes: u64) -> TestDirectory {
    TestDirectory::with(DirectorySettings {
        keystores_per_day,
        keystore_bytes,
        ..DirectorySettings::new(ORIGIN)
    })
    .await
}

#[tokio::test]
async fn the_versions_of_a_day_are_counted() {
    let test = with_room(3, 1 << 20).await;
    let alice = registered(&test, &Person::alice()).await;
    test.clock.advance(time::Duration::HOUR);
    for base_version in [1, 2] {
        let stored = test
            .directory
            .put_keystore(&alice, &put(base_version, b"x"))
            .await;
        assert!(stored.is_ok());
    }
    let refused = test.directory.put_keystore(&alice, &put(3, b"x")).await;
    let Err(DirectoryError::RateLimited { retry_after, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(retry_after, std::time::Duration::from_secs(23 * 3600));
    assert_eq!(test.directory.keystore(&alice).await.unwrap().version, 3);

    test.clock.advance(retry_after.try_into().unwrap());
    assert!(test.directory.put_keystore(&alice, &put(3, b"x")).await.is_ok());
}

#[tokio::test]
async fn the_versions_that_are_kept_have_a_quota_of_their_own() {
    let test = with_room(100, 3_000).await;
    let alice = registered(&test, &Person::alice()).await;
    test.clock.advance(time::Duration::HOUR);
    let large = test.directory.put_keystore(&alice, &put(1, &[1; 2_000])).await;
    assert!(large.is_ok());
    let refused = test.directory.put_keystore(&alice, &put(2, &[1; 1_000])).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::QuotaExceeded { limit: 3_000 })
    ));
    assert_eq!(test.directory.keystore(&alice).await.unwrap().version, 2);
}

/// Whoever has stolen a session and used up all that it can add has not shut the owner out.
#[tokio::test]
async fn a_fresh_login_has_room_where_others_have_none_left() {
    let test = with_room(3, 3_000).await;
    let stolen = registered(&test, &Person::alice()).await;
    test.clock.advance(time::Duration::HOUR);
    let put_by = async |caller, base_version, keystore: &[u8]| {
        let request = put(base_version, keystore);
        test.directory.put_keystore(caller, &request).await
    };
    put_by(&stolen, 1, &[1; 2_800]).await.unwrap();
    let full = put_by(&stolen, 2, &[1; 200]).await;
    assert!(matches!(full, Err(DirectoryError::QuotaExceeded { .. })));
    let owner = Person::alice().log_in(&test.directory).await.unwrap();
    let owner = authenticate(&test.directory, &owner).await;
    put_by(&owner, 2, &[1; 200]).await.unwrap();
    let full = put_by(&stolen, 3, b"x").await;
    assert!(matches!(full, Err(DirectoryError::RateLimited { .. })));
    put_by(&owner, 3, b"x").await.unwrap();
    let none_left = put_by(&owner, 4, b"x").await;
    assert!(matches!(none_left, Err(DirectoryError::RateLimited { .. })));
}

#[tokio::test]
async fn keystores_of_accounts_do_not_mix() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let bob = registered(&test, &Person::bob()).await;
    test.directory
        .put_keystore(&alice, &put(1, b"hers"))
        .await
        .unwrap();
    assert_eq!(
        test.directory.keystore(&bob).await.unwrap().keystore,
        Person::bob().keystore()
    );
}

#[tokio::test]
async fn stored_bytes_count_every_version() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let before = test.directory.account(&alice).await.unwrap().stored_bytes;
    test.directory
        .put_keystore(&alice, &put(1, &[1; 1000]))
        .await
        .unwrap();
    let after = test.directory.account(&alice).await.unwrap().stored_bytes;
    assert!((1000..1100).contains(&(after - before)), "{before} {after}");
}

#[tokio::test]
async fn stored_bytes_count_the_spaces_that_the_account_made() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let bob = registered(&test, &Person::bob()).await;
    let stored = async |caller| test.directory.account(caller).await.unwrap().stored_bytes;
    let before = [stored(&alice).await, stored(&bob).await];
    let space = format!(
        "INSERT INTO spaces (space_id, created_by_account, appended_bytes, dropped_bytes, retention_seconds, created_at)
         VALUES (decode(repeat('01', 32), 'hex'), decode('{}', 'hex'), 5000, 1000, 0, now()) RETURNING 'done'",
        hex::encode(alice.account_id().as_bytes()),
    );
    test.database.texts(space).await;
    assert_eq!(
        [stored(&alice).await, stored(&bob).await],
        [before[0] + 4000, before[1]]
    );
}

#[tokio::test]
async fn looking_a_handle_up_gives_its_signed_manifest() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    registered(&test, &Person::bob()).await;
    let request = PrincipalLookup { handle: "Bob".into() };
    let candidate = test.directory.look_up_principal(&alice, &request).await.unwrap();
    assert_eq!(candidate.signed_manifest, Person::bob().signed_manifest());
    let request = PrincipalLookup {
        handle: "carol".into(),
    };
    let refused = test.directory.look_up_principal(&alice, &request).await;
    assert!(matches!(refused, Err(DirectoryError::NotFound)));
}
