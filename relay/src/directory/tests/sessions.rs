use sealpost_protocol::{http::SecretToken, ids::SessionId};
use time::Duration;
use zeroize::Zeroizing;

use super::super::*;
use crate::testing::{
    ADDRESS, ORIGIN, Person, TestAgent, TestDevice, TestDirectory, authenticate, registered,
};

#[tokio::test]
async fn sessions_are_listed_newest_first_with_the_callers_own_marked() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let first = registered(&test, &alice).await;
    registered(&test, &Person::bob()).await;
    test.clock.advance(Duration::seconds(1));
    alice.log_in(&test.directory).await.unwrap();
    let listed = test.directory.sessions(&first).await.unwrap().sessions;
    let seen: Vec<_> = listed
        .iter()
        .map(|view| (view.device_name.as_str(), view.current))
        .collect();
    assert_eq!(seen, [("second device", false), ("first device", true)]);
}

#[tokio::test]
async fn an_ended_session_counts_no_more_and_is_announced() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let first = registered(&test, &alice).await;
    let logged_in = alice.log_in(&test.directory).await.unwrap();
    let mut ended = test.directory.ended_sessions();
    let stolen = logged_in.session.session_id;
    test.directory.end_session(&first, stolen).await.unwrap();
    let refused = test
        .directory
        .authenticate(ADDRESS, &logged_in.session_token)
        .await;
    assert!(matches!(refused, Err(DirectoryError::NotAuthenticated)));
    assert_eq!(ended.recv().await, Ok(SessionsEnded::One(stolen)));
    let again = test.directory.end_session(&first, stolen).await;
    assert!(matches!(again, Err(DirectoryError::NotFound)));
}

#[tokio::test]
async fn who_has_not_just_logged_in_ends_no_session_but_its_own() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let stolen = registered(&test, &alice).await;
    let phone = TestDevice { seed: 7 };
    phone.approved_by(&test, &stolen).await;
    let let_in = phone.ask_again(&test).await.unwrap().approved.unwrap().login;
    test.clock.advance(Duration::minutes(10) + Duration::seconds(1));
    let logged_in = alice.log_in(&test.directory).await.unwrap();
    let let_in = authenticate(&test.directory, &let_in).await;
    for thief in [&stolen, &let_in] {
        let ended = test
            .directory
            .end_session(thief, logged_in.session.session_id)
            .await;
        assert!(matches!(ended, Err(DirectoryError::FreshLoginRequired)));
    }
    let owner = authenticate(&test.directory, &logged_in).await;
    test.directory
        .end_session(&owner, stolen.session_id())
        .await
        .unwrap();
    test.directory
        .end_session(&let_in, let_in.session_id())
        .await
        .unwrap();
    assert_eq!(test.directory.sessions(&owner).await.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn an_agent_ends_other_sessions_of_its_own_right_after_its_login() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let helper = TestAgent::new(7);
    let first = helper.pair(&test, &alice, "helper").await.unwrap();
    test.clock.advance(Duration::minutes(10) + Duration::seconds(1));
    let second = helper.log_in(&test).await.unwrap();
    let caller = async |token| test.directory.authenticate(ADDRESS, token).await.unwrap();
    let (old, new) = (
        caller(&first.session_token).await,
        caller(&second.session_token).await,
    );
    let ended = test.directory.end_session(&old, new.session_id()).await;
    assert!(matches!(ended, Err(DirectoryError::FreshLoginRequired)));
    test.directory.end_session(&new, old.session_id()).await.unwrap();
}

#[tokio::test]
async fn ending_other_sessions_has_a_rate() {
    let mut settings = DirectorySettings::new(ORIGIN);
    settings.limits.changes_per_account.burst = 1;
    let test = TestDirectory::with(settings).await;
    let alice = registered(&test, &Person::alice()).await;
    let none = SessionId::new([1; 16]);
    let first = test.directory.end_session(&alice, none).await;
    assert!(matches!(first, Err(DirectoryError::NotFound)));
    let second = test.directory.end_session(&alice, none).await;
    assert!(matches!(second, Err(DirectoryError::RateLimited { .. })));
    test.directory
        .end_session(&alice, alice.session_id())
        .await
        .unwrap();
}

#[tokio::test]
async fn nobody_ends_the_session_of_another_account() {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    let bob = registered(&test, &Person::bob()).await;
    for session_id in [alice.session_id(), SessionId::new([1; 16])] {
        let refused = test.directory.end_session(&bob, session_id).await;
        assert!(matches!(refused, Err(DirectoryError::NotFound)));
    }
    assert_eq!(test.directory.sessions(&alice).await.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn a_session_ends_by_itself_and_is_swept() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let logged_in = alice
        .register(&test.directory, Some(test.token().await))
        .await
        .unwrap();
    test.clock.advance(Duration::days(90) - Duration::seconds(1));
    authenticate(&test.directory, &logged_in).await;
    test.clock.advance(Duration::seconds(1));
    let refused = test
        .directory
        .authenticate(ADDRESS, &logged_in.session_token)
        .await;
    assert!(matches!(refused, Err(DirectoryError::NotAuthenticated)));
    let swept = test.directory.sweep().await.unwrap();
    assert_eq!(
        (swept.sessions, test.directory.sweep().await.unwrap().sessions),
        (1, 0)
    );
}

#[tokio::test]
async fn last_use_is_noted_to_ten_minutes() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let logged_in = alice
        .register(&test.directory, Some(test.token().await))
        .await
        .unwrap();
    // From half past three.
    test.clock.advance(Duration::minutes(16));
    let seen = async || {
        let session = authenticate(&test.directory, &logged_in).await;
        test.directory.sessions(&session).await.unwrap().sessions[0].last_seen_at
    };
    assert_eq!(seen().await, time::macros::datetime!(2026-11-20 15:40 UTC));
    test.clock.advance(Duration::minutes(3));
    assert_eq!(seen().await, time::macros::datetime!(2026-11-20 15:40 UTC));
    test.clock.advance(Duration::minutes(1));
    assert_eq!(seen().await, time::macros::datetime!(2026-11-20 15:50 UTC));
}

#[tokio::test]
async fn a_made_up_token_is_not_authenticated() {
    let test = TestDirectory::new().await;
    registered(&test, &Person::alice()).await;
    let made_up = SecretToken::new(Zeroizing::new([7; 32]));
    let refused = test.directory.authenticate(ADDRESS, &made_up).await;
    assert!(matches!(refused, Err(DirectoryError::NotAuthenticated)));
}

#[tokio::test]
async fn sessions_that_count_no_more_are_told_from_those_that_do() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let first = registered(&test, &alice).await;
    let bob = registered(&test, &Person::bob()).await;
    let second = alice.log_in(&test.directory).await.unwrap().session.session_id;
    let unknown = SessionId::new([1; 16]);
    let asked = [first.session_id(), second, bob.session_id(), unknown];
    let other_process = test.second().await;
    assert_eq!(other_process.ended_among(&asked).await.unwrap(), [unknown]);
    test.directory.end_session(&first, second).await.unwrap();
    assert_eq!(
        other_process.ended_among(&asked).await.unwrap(),
        [second, unknown]
    );
    test.directory.disable_account(bob.account_id()).await.unwrap();
    let ended = other_process.ended_among(&asked).await.unwrap();
    assert_eq!(ended, [second, bob.session_id(), unknown]);
    test.clock.advance(Duration::days(90));
    assert_eq!(other_process.ended_among(&asked).await.unwrap(), asked);
}

#[tokio::test]
async fn an_account_keeps_a_bounded_number_of_sessions_those_used_last() {
    let mut settings = DirectorySettings::new(ORIGIN);
    settings.limits.logins_per_address.burst = 1000;
    settings.limits.logins_per_credential.burst = 1000;
    settings.limits.logins_per_credential_and_address.burst = 1000;
    let (test, alice) = (TestDirectory::with(settings).await, Person::alice());
    let first = registered(&test, &alice).await;
    let forgotten = alice.log_in_by_recovery_code(&test.directory).await.unwrap();
    test.clock.advance(Duration::hours(2));
    for _ in 0..DirectorySettings::SESSIONS_PER_ACCOUNT {
        test.clock.advance(Duration::SECOND);
        alice.log_in_by_recovery_code(&test.directory).await.unwrap();
    }
    let left = test.directory.sessions(&first).await.unwrap().sessions;
    assert_eq!(left.len(), DirectorySettings::SESSIONS_PER_ACCOUNT as usize);
    let refused = test
        .directory
        .authenticate(ADDRESS, &forgotten.session_token)
        .await;
    assert!(matches!(refused, Err(DirectoryError::NotAuthenticated)));
}

#[tokio::test]
async fn a_sweep_takes_as_many_transactions_as_it_needs() {
    let test = TestDirectory::new().await;
    test.database
        .execute(
            "INSERT INTO auth_attempts (attempt_id, purpose, state_sealed, created_at, expires_at)
             SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), 'login', '', '2000-01-01', '2000-01-01'
             FROM generate_series(1, 2500) AS n",
        )
        .await;
    let one = test.directory.store.sweep(test.clock.now(), 100).await.unwrap();
    assert_eq!((one.attempts, one.most()), (100, 100));
    assert_eq!(test.directory.sweep().await.unwrap().attempts, 2400);
}
