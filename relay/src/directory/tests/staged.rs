use ed25519_dalek::SigningKey;
use sealpost_opaque::{ClientLogin, ClientRegistration};
use sealpost_protocol::{
    http::{
        KeystorePut, KeystoreStage, KeystoreVersion, PassphraseStart, RecoveryLoginStart, StagedCommit,
        StagedVerify, StagedView,
    },
    keys::PublicKey,
};
use time::Duration;

use super::super::*;
use super::start_over::new_principal;
use crate::testing::{
    ADDRESS, ORIGIN, Person, TestAgent, TestDevice, TestDirectory, authenticate, checked, registered,
};

const NEW_PASSPHRASE: &str = "another passphrase";

/// A change of passphrase and recovery code, as the client sends it.
pub(super) async fn draft(test: &TestDirectory, caller: &AuthenticatedSession) -> KeystoreStage {
    let (client, request) = ClientRegistration::start(NEW_PASSPHRASE.as_bytes()).unwrap();
    let request = PassphraseStart {
        registration_request: request.into(),
    };
    let started = test.directory.start_passphrase(caller, &request).await.unwrap();
    let response = &started.registration_response.0;
    let registered = client
        .finish(NEW_PASSPHRASE.as_bytes(), response, checked(started.ksf))
        .unwrap();
    KeystoreStage {
        base_version: 1,
        keystore: b"new keystore".to_vec().into(),
        registration_upload: Some(registered.upload.to_vec().into()),
        recovery_login_key: Some(PublicKey::of(&new_recovery_key()).as_bytes().to_vec().into()),
        signed_manifest: None,
    }
}

fn new_recovery_key() -> SigningKey {
    SigningKey::from_bytes(&[77; 32])
}

pub(super) fn changed(person: Person) -> Person {
    Person {
        passphrase: NEW_PASSPHRASE,
        recovery_key: new_recovery_key(),
        ..person
    }
}

/// Asks for the staged record and opens it from scratch with the new passphrase.
pub(super) async fn verify(
    test: &TestDirectory,
    caller: &AuthenticatedSession,
    staged: &StagedView,
) -> Result<(), DirectoryError> {
    let (client, request) = ClientLogin::start(NEW_PASSPHRASE.as_bytes()).unwrap();
    let request = StagedVerify {
        stage_id: staged.stage_id.clone(),
        credential_request: request.into(),
    };
    let verified = test.directory.verify_staged(caller, &request).await?;
    let ksf = sealpost_opaque::ksf::FLOOR.check().unwrap();
    client
        .finish(NEW_PASSPHRASE.as_bytes(), &verified.credential_response.0, ksf)
        .unwrap();
    Ok(())
}

/// Stages the drafted change.
pub(super) async fn stage(test: &TestDirectory, caller: &AuthenticatedSession) -> StagedView {
    let request = draft(test, caller).await;
    test.directory.stage(caller, &request).await.unwrap()
}

pub(super) async fn commit(
    test: &TestDirectory,
    caller: &AuthenticatedSession,
    staged: &StagedView,
) -> Result<KeystoreVersion, DirectoryError> {
    let request = StagedCommit {
        stage_id: staged.stage_id.clone(),
    };
    test.directory.commit_staged(caller, &request).await
}

#[tokio::test]
async fn nothing_changes_until_the_commit_and_everything_changes_with_it() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let staged = stage(&test, &caller).await;
    verify(&test, &caller, &staged).await.unwrap();
    assert!(alice.log_in(&test.directory).await.is_ok());
    assert!(alice.log_in_by_recovery_code(&test.directory).await.is_ok());
    assert_eq!(test.directory.keystore(&caller).await.unwrap().version, 1);

    let committed = commit(&test, &caller, &staged).await.unwrap();
    let current = test.directory.keystore(&caller).await.unwrap();
    assert_eq!((committed.version, current.version), (2, 2));
    assert_eq!(current.keystore.0, b"new keystore");
    assert!(alice.log_in(&test.directory).await.is_err());
    assert!(alice.log_in_by_recovery_code(&test.directory).await.is_err());
    let alice = changed(alice);
    assert!(alice.log_in(&test.directory).await.is_ok());
    assert!(alice.log_in_by_recovery_code(&test.directory).await.is_ok());
}

#[tokio::test]
async fn a_login_begun_with_credentials_that_were_changed_meanwhile_fails() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let (client, request) = alice.login_start();
    let by_passphrase = test.directory.start_login(ADDRESS, &request).await.unwrap();
    let request = RecoveryLoginStart {
        recovery_login_key: alice.recovery_login_key(),
    };
    let by_code = test
        .directory
        .start_recovery_login(ADDRESS, &request)
        .await
        .unwrap();
    let staged = stage(&test, &caller).await;
    verify(&test, &caller, &staged).await.unwrap();
    commit(&test, &caller, &staged).await.unwrap();
    let finish = alice.login_finish(client, &by_passphrase);
    let refused = test.directory.finish_login(ADDRESS, finish).await;
    assert!(matches!(refused, Err(DirectoryError::LoginFailed)));
    let finish = alice.recovery_login_finish(&by_code);
    let refused = test.directory.finish_recovery_login(ADDRESS, finish).await;
    assert!(matches!(refused, Err(DirectoryError::LoginFailed)));
}

#[tokio::test]
async fn the_replaced_keystore_is_kept() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let staged = stage(&test, &caller).await;
    verify(&test, &caller, &staged).await.unwrap();
    commit(&test, &caller, &staged).await.unwrap();
    assert_eq!(
        test.directory
            .keystore_version(&caller, 1)
            .await
            .unwrap()
            .keystore,
        alice.keystore()
    );
}

#[tokio::test]
async fn a_staged_change_reads_back_as_it_was_staged() {
    let test = TestDirectory::new().await;
    let caller = registered(&test, &Person::alice()).await;
    let request = draft(&test, &caller).await;
    let staged = test.directory.stage(&caller, &request).await.unwrap();
    let read_back = test.directory.staged(&caller).await.unwrap();
    assert_eq!(read_back, staged);
    assert_eq!(
        (read_back.keystore, read_back.recovery_login_key),
        (request.keystore, request.recovery_login_key)
    );
}

#[tokio::test]
async fn a_new_record_that_was_not_asked_for_is_not_put_in_force() {
    let test = TestDirectory::new().await;
    let caller = registered(&test, &Person::alice()).await;
    let staged = stage(&test, &caller).await;
    let refused = commit(&test, &caller, &staged).await;
    assert!(matches!(refused, Err(DirectoryError::StageUnverified)));
}

#[tokio::test]
async fn a_new_recovery_code_alone_leaves_the_passphrase() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let request = KeystoreStage {
        registration_upload: None,
        ..draft(&test, &caller).await
    };
    let staged = test.directory.stage(&caller, &request).await.unwrap();
    commit(&test, &caller, &staged).await.unwrap();
    assert!(alice.log_in(&test.directory).await.is_ok());
    assert!(alice.log_in_by_recovery_code(&test.directory).await.is_err());
    let alice = Person {
        recovery_key: new_recovery_key(),
        ..alice
    };
    assert!(alice.log_in_by_recovery_code(&test.directory).await.is_ok());
}

#[tokio::test]
async fn a_login_older_than_ten_minutes_must_be_renewed_first() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let request = draft(&test, &caller).await;
    test.clock.advance(Duration::minutes(10) + Duration::seconds(1));
    let refused = test.directory.stage(&caller, &request).await;
    assert!(matches!(refused, Err(DirectoryError::FreshLoginRequired)));
    let start = PassphraseStart {
        registration_request: vec![0; 32].into(),
    };
    let refused = test.directory.start_passphrase(&caller, &start).await;
    assert!(matches!(refused, Err(DirectoryError::FreshLoginRequired)));

    let logged_in = alice.log_in_by_recovery_code(&test.directory).await.unwrap();
    let fresh = authenticate(&test.directory, &logged_in).await;
    assert!(test.directory.stage(&fresh, &request).await.is_ok());
}

#[tokio::test]
async fn a_keystore_changed_meanwhile_stops_the_commit_and_nothing_is_half_done() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let staged = stage(&test, &caller).await;
    verify(&test, &caller, &staged).await.unwrap();
    let put = KeystorePut {
        base_version: 1,
        keystore: b"meanwhile".to_vec().into(),
    };
    test.directory.put_keystore(&caller, &put).await.unwrap();
    let refused = commit(&test, &caller, &staged).await;
    assert!(matches!(refused, Err(DirectoryError::KeystoreConflict)));
    assert_eq!(
        test.directory.keystore(&caller).await.unwrap().keystore.0,
        b"meanwhile"
    );
    assert!(alice.log_in(&test.directory).await.is_ok());
    assert!(alice.log_in_by_recovery_code(&test.directory).await.is_ok());
}

#[tokio::test]
async fn a_newer_stage_replaces_an_older_one() {
    let test = TestDirectory::new().await;
    let caller = registered(&test, &Person::alice()).await;
    let older = stage(&test, &caller).await;
    let newer = stage(&test, &caller).await;
    let refused = verify(&test, &caller, &older).await;
    assert!(matches!(refused, Err(DirectoryError::KeystoreConflict)));
    verify(&test, &caller, &newer).await.unwrap();
    assert!(commit(&test, &caller, &newer).await.is_ok());
}

#[tokio::test]
async fn a_stage_counts_once_and_as_long_as_its_login_is_fresh() {
    let test = TestDirectory::new().await;
    let caller = registered(&test, &Person::alice()).await;
    let mut request = draft(&test, &caller).await;
    let staged = test.directory.stage(&caller, &request).await.unwrap();
    verify(&test, &caller, &staged).await.unwrap();
    commit(&test, &caller, &staged).await.unwrap();
    let again = commit(&test, &caller, &staged).await;
    assert!(matches!(again, Err(DirectoryError::Expired)));
    assert!(matches!(
        test.directory.staged(&caller).await,
        Err(DirectoryError::NotFound)
    ));

    let logged_in = changed(Person::alice()).log_in(&test.directory).await.unwrap();
    let caller = authenticate(&test.directory, &logged_in).await;
    request.base_version = 2;
    let staged = test.directory.stage(&caller, &request).await.unwrap();
    verify(&test, &caller, &staged).await.unwrap();
    test.clock.advance(Duration::minutes(10) + Duration::seconds(1));
    let late = commit(&test, &caller, &staged).await;
    assert!(matches!(late, Err(DirectoryError::FreshLoginRequired)));
    assert_eq!(test.directory.sweep().await.unwrap().staged_changes, 1);
}

/// The new secrets are nowhere but with who staged them, and were perhaps not even shown yet.
#[tokio::test]
async fn no_other_session_of_the_account_sees_or_commits_a_staged_change() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let first = registered(&test, &alice).await;
    let thief = TestDevice { seed: 7 };
    thief.approved_by(&test, &first).await;
    let let_in = thief.ask_again(&test).await.unwrap().approved.unwrap().login;
    let logged_in = alice.log_in(&test.directory).await.unwrap();
    let caller = authenticate(&test.directory, &logged_in).await;
    let request = KeystoreStage {
        signed_manifest: Some(new_principal().signed_manifest()),
        ..draft(&test, &caller).await
    };
    let staged = test.directory.stage(&caller, &request).await.unwrap();
    for other in [first, authenticate(&test.directory, &let_in).await] {
        let seen = test.directory.staged(&other).await;
        assert!(matches!(seen, Err(DirectoryError::NotFound)));
        let verified = verify(&test, &other, &staged).await;
        assert!(matches!(verified, Err(DirectoryError::Expired)));
        let committed = commit(&test, &other, &staged).await;
        assert!(matches!(
            committed,
            Err(DirectoryError::Expired | DirectoryError::FreshLoginRequired)
        ));
    }
    assert!(alice.log_in(&test.directory).await.is_ok());
    verify(&test, &caller, &staged).await.unwrap();
    commit(&test, &caller, &staged).await.unwrap();
    let again = authenticate(&test.directory, &logged_in).await;
    assert_eq!(again.principal_id(), new_principal().manifest().id());
}

#[tokio::test]
async fn a_staged_change_ends_with_its_session() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let first = registered(&test, &alice).await;
    let logged_in = alice.log_in(&test.directory).await.unwrap();
    let caller = authenticate(&test.directory, &logged_in).await;
    let staged = stage(&test, &caller).await;
    verify(&test, &caller, &staged).await.unwrap();
    test.directory
        .end_session(&first, caller.session_id())
        .await
        .unwrap();
    let refused = commit(&test, &caller, &staged).await;
    assert!(matches!(refused, Err(DirectoryError::Expired)));
    assert!(alice.log_in(&test.directory).await.is_ok());
}

#[tokio::test]
async fn staging_on_another_version_is_a_conflict() {
    let test = TestDirectory::new().await;
    let caller = registered(&test, &Person::alice()).await;
    let request = KeystoreStage {
        base_version: 2,
        ..draft(&test, &caller).await
    };
    let refused = test.directory.stage(&caller, &request).await;
    assert!(matches!(refused, Err(DirectoryError::KeystoreConflict)));
}

#[tokio::test]
async fn the_recovery_key_of_somebody_else_is_refused() {
    let test = TestDirectory::new().await;
    registered(&test, &Person::bob()).await;
    let caller = registered(&test, &Person::alice()).await;
    let request = KeystoreStage {
        recovery_login_key: Some(Person::bob().recovery_login_key()),
        registration_upload: None,
        ..draft(&test, &caller).await
    };
    let staged = test.directory.stage(&caller, &request).await.unwrap();
    let refused = commit(&test, &caller, &staged).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Malformed("recovery_login_key"))
    ));
    assert!(
        Person::alice()
            .log_in_by_recovery_code(&test.directory)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn of_two_commits_that_race_one_wins() {
    let test = TestDirectory::new().await;
    let caller = registered(&test, &Person::alice()).await;
    let staged = stage(&test, &caller).await;
    verify(&test, &caller, &staged).await.unwrap();
    let (first, second) = tokio::join!(commit(&test, &caller, &staged), commit(&test, &caller, &staged));
    assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1);
    assert_eq!(test.directory.keystore(&caller).await.unwrap().version, 2);
    assert!(changed(Person::alice()).log_in(&test.directory).await.is_ok());
}

/// What a stolen session can use up is not all: it cannot change credentials.
#[tokio::test]
async fn whoever_used_up_the_versions_of_a_day_has_not_shut_the_owner_out() {
    let settings = DirectorySettings {
        keystores_per_day: 1,
        ..DirectorySettings::new(ORIGIN)
    };
    let test = TestDirectory::with(settings).await;
    let caller = registered(&test, &Person::alice()).await;
    let put = KeystorePut {
        base_version: 1,
        keystore: b"x".to_vec().into(),
    };
    test.clock.advance(Duration::minutes(10) + Duration::seconds(1));
    let refused = test.directory.put_keystore(&caller, &put).await;
    assert!(matches!(refused, Err(DirectoryError::RateLimited { .. })));
    let logged_in = Person::alice().log_in(&test.directory).await.unwrap();
    let caller = authenticate(&test.directory, &logged_in).await;
    let staged = stage(&test, &caller).await;
    verify(&test, &caller, &staged).await.unwrap();
    assert_eq!(commit(&test, &caller, &staged).await.unwrap().version, 2);
}

#[tokio::test]
async fn new_credentials_void_open_pairing_codes_and_leave_agents() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let helper = TestAgent::new(7);
    helper.pair(&test, &alice, "helper").await.unwrap();
    let request = TestAgent::new(8).pairing_start("next");
    test.directory.begin_pairing(&alice, &request).await.unwrap();
    let staged = stage(&test, &alice).await;
    verify(&test, &alice, &staged).await.unwrap();
    commit(&test, &alice, &staged).await.unwrap();
    let code = test
        .directory
        .enroll_agent(ADDRESS, TestAgent::new(8).enroll())
        .await;
    assert!(matches!(code, Err(DirectoryError::PairingCodeInvalid)));
    assert!(helper.log_in(&test).await.is_ok());
}
