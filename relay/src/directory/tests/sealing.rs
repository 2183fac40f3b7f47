//! What stands in the database, and what happens when somebody edits it.

use sealpost_protocol::http::KeystorePut;

use super::super::*;
use crate::testing::{Person, TestDirectory, registered};

#[tokio::test]
async fn no_handle_key_keystore_or_name_stands_in_the_database() {
    let test = TestDirectory::new().await;
    let alice = Person::new("alice-the-canary", 1);
    let request = TokenRequest {
        uses: 1,
        lifetime: None,
        note: Some("note-canary".into()),
    };
    let token = test.directory.create_token(&request).await.unwrap().token;
    let token_bytes = token.expose_bytes().to_vec();
    let logged_in = alice.register(&test.directory, Some(token)).await.unwrap();
    let dump = test.database.dump().await;
    assert!(
        dump.contains(&hex::encode(alice.manifest().id().as_bytes())),
        "the dump holds what it should"
    );
    let canaries = [
        b"alice-the-canary".to_vec(),
        b"note-canary".to_vec(),
        b"first device".to_vec(),
        alice.keystore().0,
        alice.recovery_login_key().0,
        alice.signed_manifest().0[..64].to_vec(),
        token_bytes,
        logged_in.session_token.expose_bytes().to_vec(),
    ];
    for canary in canaries {
        assert!(!dump.contains(&hex::encode(&canary)) && !dump.contains(&*String::from_utf8_lossy(&canary)));
    }
}

#[tokio::test]
async fn a_keystore_moved_to_another_account_does_not_open() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    registered(&test, &Person::bob()).await;
    test.database
        .execute(
            "UPDATE keystore_versions a SET sealed = b.sealed FROM keystore_versions b
             WHERE a.account_id <> b.account_id",
        )
        .await;
    let refused = test.directory.keystore(&alice).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Damaged {
            column: "keystore_versions.keystore",
            ..
        })
    ));
}

#[tokio::test]
async fn an_older_keystore_passed_off_as_the_current_one_does_not_open() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let put = KeystorePut {
        base_version: 1,
        keystore: b"two".to_vec().into(),
    };
    test.directory.put_keystore(&alice, &put).await.unwrap();
    let roll_back =
        "UPDATE keystore_versions SET sealed = (SELECT sealed FROM keystore_versions WHERE version = 1)";
    test.database.execute(roll_back).await;
    assert!(matches!(
        test.directory.keystore(&alice).await,
        Err(DirectoryError::Damaged { .. })
    ));
}

#[tokio::test]
async fn a_changed_byte_of_a_record_fails_the_login_loudly() {
    let test = TestDirectory::new().await;
    registered(&test, &Person::alice()).await;
    let flip =
        "UPDATE accounts SET record_sealed = set_byte(record_sealed, 60, get_byte(record_sealed, 60) # 1)";
    test.database.execute(flip).await;
    let refused = Person::alice().log_in(&test.directory).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Damaged {
            column: "accounts.record",
            ..
        })
    ));
}
