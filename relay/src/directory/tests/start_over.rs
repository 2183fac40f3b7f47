use ed25519_dalek::SigningKey;
use sealpost_protocol::http::KeystoreStage;

use super::super::*;
use super::staged::{changed, commit, draft, verify};
use crate::{
    directory::ports::AuditAction,
    testing::{ADDRESS, Person, TestAgent, TestDirectory, authenticate, registered},
};

pub(super) fn new_principal() -> Person {
    Person::new("alice", 50)
}

/// Alice starts over: new passphrase, new recovery code, and the principal of `new`.
async fn start_over_as(
    test: &TestDirectory,
    caller: &AuthenticatedSession,
    base_version: u64,
    new: &Person,
) -> Result<(), DirectoryError> {
    let request = KeystoreStage {
        base_version,
        signed_manifest: Some(new.signed_manifest()),
        ..draft(test, caller).await
    };
    let staged = test.directory.stage(caller, &request).await?;
    assert_eq!(staged, test.directory.staged(caller).await?);
    verify(test, caller, &staged).await?;
    commit(test, caller, &staged).await?;
    Ok(())
}

pub(super) async fn start_over(test: &TestDirectory, caller: &AuthenticatedSession) {
    start_over_as(test, caller, 1, &new_principal()).await.unwrap();
}

#[tokio::test]
async fn who_starts_over_has_a_new_principal_and_one_session() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let first = registered(&test, &alice).await;
    let logged_in = alice.log_in(&test.directory).await.unwrap();
    let caller = authenticate(&test.directory, &logged_in).await;
    let mut ended = test.directory.ended_sessions();
    start_over(&test, &caller).await;
    assert_eq!(ended.recv().await, Ok(SessionsEnded::AllOf(caller.account_id())));
    let sessions = test
        .directory
        .ended_among(&[first.session_id(), caller.session_id()])
        .await;
    assert_eq!(sessions.unwrap(), [first.session_id()]);
    let again = authenticate(&test.directory, &logged_in).await;
    assert_eq!(again.principal_id(), new_principal().manifest().id());
    let revoked = test.directory.manifest(alice.manifest().id()).await.unwrap();
    assert!(revoked.is_none());
}

#[tokio::test]
async fn revoked_principal_is_registered_by_nobody_again() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    start_over(&test, &caller).await;
    let logged_in = changed(Person::alice()).log_in(&test.directory).await.unwrap();
    let caller = authenticate(&test.directory, &logged_in).await;
    let thief = Person {
        handle: "mallory",
        recovery_key: SigningKey::from_bytes(&[9; 32]),
        ..Person::alice()
    };
    let refused = thief.register(&test.directory, Some(test.token().await)).await;
    assert!(matches!(refused, Err(DirectoryError::Malformed("a public key"))));
    let refused = start_over_as(&test, &caller, 2, &alice).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Malformed("signed_manifest"))
    ));
}

/// A transaction does not see what another commits after it began: the session of a login that was under way meanwhile is
/// one that the commit could not delete.
#[tokio::test]
async fn a_login_that_commits_beside_a_start_over_does_not_outlive_it() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let raced = alice.log_in(&test.directory).await.unwrap();
    let session_id = authenticate(&test.directory, &raced).await.session_id();
    test.database
        .execute("CREATE TABLE unseen AS SELECT * FROM sessions")
        .await;
    start_over(&test, &caller).await;
    test.database
        .execute("INSERT INTO sessions SELECT * FROM unseen ON CONFLICT DO NOTHING")
        .await;
    let refused = test.directory.authenticate(ADDRESS, &raced.session_token).await;
    assert!(matches!(refused, Err(DirectoryError::NotAuthenticated)));
    assert_eq!(
        test.directory.ended_among(&[session_id]).await.unwrap(),
        [session_id]
    );
    let listed = test.directory.sessions(&caller).await.unwrap().sessions;
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn a_session_for_a_principal_that_was_replaced_is_not_stored() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let seals = test.directory.seals.open().await.unwrap();
    let (account_id, old) = (caller.account_id(), caller.principal_id());
    let draft = test.directory.draft_session(&seals, account_id, old, "late");
    let audit = test
        .directory
        .audit_entry(&seals, Some(account_id), AuditAction::LoggedIn, None);
    start_over(&test, &caller).await;
    let row = draft.unwrap().row;
    assert!(
        !test
            .directory
            .store
            .insert_session(&row, 9, &audit)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_start_over_whose_session_was_ended_changes_nothing() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let logged_in = alice.log_in(&test.directory).await.unwrap();
    let other = authenticate(&test.directory, &logged_in).await;
    test.directory
        .end_session(&other, caller.session_id())
        .await
        .unwrap();
    let refused = start_over_as(&test, &caller, 1, &new_principal()).await;
    assert!(matches!(refused, Err(DirectoryError::NotAuthenticated)));
    assert!(alice.log_in(&test.directory).await.is_ok());
}

#[tokio::test]
async fn agents_and_pairing_codes_end_when_their_owner_starts_over() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let bob = registered(&test, &Person::bob()).await;
    let (helper, next) = (TestAgent::new(7), TestAgent::new(8));
    let enrolled = helper.pair(&test, &alice, "helper").await.unwrap();
    let theirs = TestAgent::new(9).pair(&test, &bob, "other").await.unwrap();
    let request = next.pairing_start("next");
    test.directory.begin_pairing(&alice, &request).await.unwrap();
    let begun = test
        .directory
        .start_agent_login(ADDRESS, &helper.login_start())
        .await
        .unwrap();
    start_over(&test, &alice).await;

    assert!(test.directory.agents(&alice).await.unwrap().agents.is_empty());
    let session = test
        .directory
        .authenticate(ADDRESS, &enrolled.session_token)
        .await;
    assert!(matches!(session, Err(DirectoryError::NotAuthenticated)));
    let finish = helper.login_finish(&begun);
    let login = test.directory.finish_agent_login(ADDRESS, finish).await;
    assert!(matches!(login, Err(DirectoryError::LoginFailed)));
    let code = test.directory.enroll_agent(ADDRESS, next.enroll()).await;
    assert!(matches!(code, Err(DirectoryError::PairingCodeInvalid)));
    let again = helper.pair(&test, &alice, "helper").await;
    assert!(matches!(again, Err(DirectoryError::Malformed("a public key"))));
    let elsewhere = test.directory.authenticate(ADDRESS, &theirs.session_token).await;
    assert!(elsewhere.is_ok());
}
