//! What stands in the database, and what happens when somebody edits it.

use sealpost_protocol::http::KeystorePut;
use sqlx::AssertSqlSafe;

use super::super::*;
use crate::testing::{Person, TestDirectory, registered};

/// Every row of every table, as text: byte columns as hex.
async fn dump(test: &TestDirectory) -> String {
    let query = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(query)
        .fetch_all(test.store.pool())
        .await
        .unwrap();
    let mut dump = String::new();
    for table in tables {
        let rows = AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
        let rows: Vec<String> = sqlx::query_scalar(rows)
            .fetch_all(test.store.pool())
            .await
            .unwrap();
        dump.push_str(&rows.join("\n"));
    }
    dump
}

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
    let dump = dump(&test).await;
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
    let bob = registered(&test, &Person::bob()).await;
    let swap = "UPDATE keystore_versions a SET sealed = b.sealed FROM keystore_versions b
                WHERE a.account_id = $1 AND b.account_id = $2";
    let swap = sqlx::query(swap)
        .bind(&alice.account_id().as_bytes()[..])
        .bind(&bob.account_id().as_bytes()[..]);
    swap.execute(test.store.pool()).await.unwrap();
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
    sqlx::query(roll_back).execute(test.store.pool()).await.unwrap();
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
    sqlx::query(flip).execute(test.store.pool()).await.unwrap();
    let refused = Person::alice().log_in(&test.directory).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Damaged {
            column: "accounts.record",
            ..
        })
    ));
}
