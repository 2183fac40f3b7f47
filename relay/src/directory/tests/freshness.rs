//! What counts as a fresh login, for all that asks for one.

use sealpost_protocol::http::{KeystoreStage, PassphraseStart};

use super::super::*;
use super::staged::{changed, commit, draft, stage, verify};
use crate::testing::{Person, TestDevice, TestDirectory, authenticate, registered};

fn is_stale<T>(result: &Result<T, DirectoryError>) -> bool {
    matches!(result, Err(DirectoryError::FreshLoginRequired))
}

/// Alice changes her passphrase with a login of her own.
async fn change(test: &TestDirectory) {
    let logged_in = Person::alice().log_in(&test.directory).await.unwrap();
    let caller = authenticate(&test.directory, &logged_in).await;
    let staged = stage(test, &caller).await;
    verify(test, &caller, &staged).await.unwrap();
    commit(test, &caller, &staged).await.unwrap();
}

#[tokio::test]
async fn a_login_with_credentials_that_were_changed_since_is_not_fresh() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let drafted = draft(&test, &registered(&test, &alice).await).await;
    let thief = alice.log_in(&test.directory).await.unwrap();
    let before = authenticate(&test.directory, &thief).await;
    change(&test).await;
    let caller = authenticate(&test.directory, &thief).await;
    let request = PassphraseStart {
        registration_request: vec![0; 32].into(),
    };
    assert!(is_stale(
        &test.directory.start_passphrase(&caller, &request).await
    ));
    let request = KeystoreStage {
        base_version: 2,
        ..drafted
    };
    assert!(is_stale(&test.directory.stage(&caller, &request).await));
    let phone = TestDevice { seed: 7 };
    phone.ask(&test).await.unwrap();
    assert!(is_stale(
        &test.directory.grant_approval(&caller, &phone.grant()).await
    ));
    assert!(is_stale(&test.directory.delete_own_account(&caller).await));

    // One whose request was under way when the change came: what it stages and grants counts for nothing.
    let staged = test.directory.stage(&before, &request).await.unwrap();
    verify(&test, &before, &staged).await.unwrap();
    let refused = commit(&test, &before, &staged).await;
    assert!(matches!(refused, Err(DirectoryError::KeystoreConflict)));
    let granted = test.directory.grant_approval(&before, &phone.grant()).await;
    assert!(granted.is_err() || phone.ask_again(&test).await.is_err());
    let logged_in = changed(alice).log_in(&test.directory).await.unwrap();
    let caller = authenticate(&test.directory, &logged_in).await;
    assert_eq!(test.directory.sessions(&caller).await.unwrap().sessions.len(), 4);
    assert!(
        test.directory
            .start_passphrase(
                &caller,
                &PassphraseStart {
                    registration_request: vec![0; 32].into(),
                }
            )
            .await
            .is_err_and(|error| !matches!(error, DirectoryError::FreshLoginRequired))
    );
}
