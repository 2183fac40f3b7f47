use ed25519_dalek::SigningKey;
use sealpost_protocol::{
    http::{RecoveryLoginFinish, RecoveryLoginStart},
    recovery::sign_recovery_login,
};
use time::Duration;

use super::super::*;
use crate::testing::{ADDRESS, Person, TestDirectory, registered};

fn start(person: &Person) -> RecoveryLoginStart {
    RecoveryLoginStart {
        recovery_login_key: person.recovery_login_key(),
    }
}

#[tokio::test]
async fn the_recovery_code_alone_logs_in() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    registered(&test, &alice).await;
    let logged_in = alice.log_in_by_recovery_code(&test.directory).await.unwrap();
    assert_eq!(logged_in.handle, "alice");
}

#[tokio::test]
async fn an_unknown_code_gets_a_challenge_and_fails_as_a_wrong_signature_does() {
    let test = TestDirectory::new().await;
    registered(&test, &Person::alice()).await;
    let stranger = Person::new("nobody", 9);
    let started = test
        .directory
        .start_recovery_login(ADDRESS, &start(&stranger))
        .await
        .unwrap();
    assert_eq!((started.login_id.0.len(), started.challenge.0.len()), (16, 32));
    let refused = test
        .directory
        .finish_recovery_login(ADDRESS, stranger.recovery_login_finish(&started))
        .await;
    assert!(matches!(refused, Err(DirectoryError::LoginFailed)));

    let thief = Person {
        recovery_key: SigningKey::from_bytes(&[42; 32]),
        ..Person::alice()
    };
    let started = test
        .directory
        .start_recovery_login(ADDRESS, &start(&Person::alice()))
        .await
        .unwrap();
    let refused = test
        .directory
        .finish_recovery_login(ADDRESS, thief.recovery_login_finish(&started))
        .await;
    assert!(matches!(refused, Err(DirectoryError::LoginFailed)));
}

#[tokio::test]
async fn a_signature_for_another_relay_is_refused() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    registered(&test, &alice).await;
    let started = test
        .directory
        .start_recovery_login(ADDRESS, &start(&alice))
        .await
        .unwrap();
    let elsewhere = sign_recovery_login(&alice.recovery_key, "https://evil.example", &started.challenge.0);
    let finish = RecoveryLoginFinish {
        signature: elsewhere.to_vec().into(),
        ..alice.recovery_login_finish(&started)
    };
    let refused = test.directory.finish_recovery_login(ADDRESS, finish).await;
    assert!(matches!(refused, Err(DirectoryError::LoginFailed)));
}

#[tokio::test]
async fn a_challenge_counts_once_and_for_a_minute() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    registered(&test, &alice).await;
    let started = test
        .directory
        .start_recovery_login(ADDRESS, &start(&alice))
        .await
        .unwrap();
    let finish = alice.recovery_login_finish(&started);
    assert!(
        test.directory
            .finish_recovery_login(ADDRESS, finish.clone())
            .await
            .is_ok()
    );
    assert!(matches!(
        test.directory.finish_recovery_login(ADDRESS, finish).await,
        Err(DirectoryError::Expired)
    ));

    let started = test
        .directory
        .start_recovery_login(ADDRESS, &start(&alice))
        .await
        .unwrap();
    test.clock.advance(Duration::minutes(1));
    let refused = test
        .directory
        .finish_recovery_login(ADDRESS, alice.recovery_login_finish(&started))
        .await;
    assert!(matches!(refused, Err(DirectoryError::Expired)));
}

#[tokio::test]
async fn a_weak_key_is_malformed() {
    let test = TestDirectory::new().await;
    let request = RecoveryLoginStart {
        recovery_login_key: vec![0; 32].into(),
    };
    let refused = test.directory.start_recovery_login(ADDRESS, &request).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Malformed("recovery_login_key"))
    ));
}
