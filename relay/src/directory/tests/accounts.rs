use time::Duration;

use super::super::*;
use crate::testing::{ADDRESS, Person, TestDirectory, authenticate, registered};

#[tokio::test]
async fn an_owner_deletes_the_account_and_its_sessions_are_announced() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let mut ended = test.directory.ended_sessions();
    test.directory.delete_own_account(&caller).await.unwrap();
    let account_id = caller.account_id();
    assert_eq!(ended.recv().await, Ok(SessionsEnded::AllOf(account_id)));
    assert!(matches!(
        alice.log_in(&test.directory).await,
        Err(DirectoryError::LoginFailed)
    ));
    assert!(matches!(
        alice.log_in_by_recovery_code(&test.directory).await,
        Err(DirectoryError::LoginFailed)
    ));
    let actions = test.database.texts("SELECT action FROM audit_log").await;
    assert_eq!(actions, ["account_deleted_by_owner"]);
}

#[tokio::test]
async fn a_session_of_yesterday_deletes_nothing() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    test.clock.advance(Duration::minutes(10) + Duration::seconds(1));
    let refused = test.directory.delete_own_account(&caller).await;
    assert!(matches!(refused, Err(DirectoryError::FreshLoginRequired)));
    let logged_in = alice.log_in(&test.directory).await.unwrap();
    let fresh = authenticate(&test.directory, &logged_in).await;
    test.directory.delete_own_account(&fresh).await.unwrap();
}

#[tokio::test]
async fn a_login_begun_before_the_deletion_ends_at_it() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let (client, request) = alice.login_start();
    let started = test.directory.start_login(ADDRESS, &request).await.unwrap();
    test.directory.delete_own_account(&caller).await.unwrap();
    registered(&test, &alice).await;
    let finished = test
        .directory
        .finish_login(ADDRESS, alice.login_finish(client, &started))
        .await;
    assert!(matches!(finished, Err(DirectoryError::LoginFailed)));
}

/// As another relay would, where a socket of the account is still open.
#[tokio::test]
async fn a_space_that_is_made_while_its_account_is_deleted_names_it_no_more() {
    let test = TestDirectory::new().await;
    let caller = registered(&test, &Person::alice()).await;
    let held = test
        .database
        .hold_rows("SELECT 1 FROM accounts FOR KEY SHARE")
        .await;
    let making = async {
        test.database.until_waiting(1).await;
        let space =
            "INSERT INTO spaces (space_id, created_by_account, appended_bytes, retention_seconds, created_at)
                     SELECT decode(repeat('07', 32), 'hex'), account_id, 0, 0, now() FROM accounts";
        test.database.finish(held, space).await;
    };
    let (deleted, ()) = tokio::join!(test.directory.delete_own_account(&caller), making);
    deleted.unwrap();
    let payers = test
        .database
        .texts("SELECT encode(created_by_account, 'hex') FROM spaces")
        .await;
    assert_eq!(payers.len(), 1);
    assert_ne!(payers[0], caller.account_id().to_string());
}
