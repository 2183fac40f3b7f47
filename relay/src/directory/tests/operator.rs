use std::time::Duration;

use super::super::*;
use crate::{
    directory::{ids::TokenId, ports::AccountState},
    testing::{ADDRESS, Person, TestDirectory, authenticate, registered},
};

#[tokio::test]
async fn a_disabled_account_is_refused_everywhere_and_its_sessions_are_announced() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let logged_in = alice
        .register(&test.directory, Some(test.token().await))
        .await
        .unwrap();
    let mut ended = test.directory.ended_sessions();
    let account_id = test.directory.account_of("alice").await.unwrap();
    test.directory.disable_account(account_id).await.unwrap();
    assert_eq!(ended.recv().await, Ok(SessionsEnded::AllOf(account_id)));
    let refused = test
        .directory
        .authenticate(ADDRESS, &logged_in.session_token)
        .await;
    assert!(matches!(refused, Err(DirectoryError::AccountDisabled)));
    assert!(matches!(
        alice.log_in(&test.directory).await,
        Err(DirectoryError::AccountDisabled)
    ));
    let refused = alice.log_in_by_recovery_code(&test.directory).await;
    assert!(matches!(refused, Err(DirectoryError::AccountDisabled)));

    test.directory.enable_account(account_id).await.unwrap();
    authenticate(&test.directory, &logged_in).await;
}

#[tokio::test]
async fn a_wrong_passphrase_does_not_tell_that_an_account_is_disabled() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    test.directory.disable_account(caller.account_id()).await.unwrap();
    let guessing = Person {
        passphrase: "a guess",
        ..alice
    };
    assert!(matches!(
        guessing.log_in(&test.directory).await,
        Err(DirectoryError::LoginFailed)
    ));
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_but_the_note_of_it() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    test.directory.delete_account(caller.account_id()).await.unwrap();
    for table in [
        "accounts",
        "keystore_versions",
        "sessions",
        "principals",
        "staged_changes",
        "agents",
        "pairing_codes",
    ] {
        let rows = test
            .database
            .texts(format!("SELECT count(*)::text FROM {table}"))
            .await;
        assert_eq!(rows, ["0"], "{table}");
    }
    let actions = test.database.texts("SELECT action FROM audit_log").await;
    assert_eq!(actions, ["account_deleted"]);
    assert!(matches!(
        alice.log_in(&test.directory).await,
        Err(DirectoryError::LoginFailed)
    ));
}

#[tokio::test]
async fn who_registers_a_deleted_handle_gets_another_account() {
    let test = TestDirectory::new().await;
    let first = registered(&test, &Person::alice()).await;
    test.directory.delete_account(first.account_id()).await.unwrap();
    let second = registered(&test, &Person::alice()).await;
    assert_ne!(first.account_id(), second.account_id());
}

#[tokio::test]
async fn accounts_are_listed_page_by_page() {
    let test = TestDirectory::new().await;
    for person in [Person::alice(), Person::bob()] {
        registered(&test, &person).await;
    }
    let first = test.directory.accounts(None, 1).await.unwrap();
    let second = test
        .directory
        .accounts(Some(first[0].account_id), 10)
        .await
        .unwrap();
    let mut handles: Vec<_> = first
        .iter()
        .chain(&second)
        .map(|account| account.handle.as_str())
        .collect();
    handles.sort_unstable();
    assert_eq!(handles, ["alice", "bob"]);
    assert_eq!(second[0].state, AccountState::Active);
}

#[tokio::test]
async fn tokens_are_listed_with_what_is_left_of_them() {
    let test = TestDirectory::new().await;
    let lifetime = Some(Duration::from_secs(60));
    let request = TokenRequest {
        uses: 3,
        lifetime,
        note: Some("for the choir".into()),
    };
    let issued = test.directory.create_token(&request).await.unwrap();
    Person::alice()
        .register(&test.directory, Some(issued.token))
        .await
        .unwrap();
    let listed = test.directory.tokens().await.unwrap();
    assert_eq!((listed[0].uses_total, listed[0].uses_left), (3, 2));
    assert_eq!(listed[0].note.as_deref(), Some("for the choir"));
    test.directory.revoke_token(listed[0].token_id).await.unwrap();
    for again in [listed[0].token_id, TokenId::new([0; 16])] {
        assert!(matches!(
            test.directory.revoke_token(again).await,
            Err(DirectoryError::NotFound)
        ));
    }
}

#[tokio::test]
async fn a_token_for_nobody_is_malformed() {
    let test = TestDirectory::new().await;
    let request = TokenRequest {
        uses: 0,
        lifetime: None,
        note: None,
    };
    assert!(matches!(
        test.directory.create_token(&request).await,
        Err(DirectoryError::Malformed("uses"))
    ));
}
