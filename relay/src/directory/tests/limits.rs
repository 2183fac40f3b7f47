use std::{net::IpAddr, time::Duration};

use sealpost_protocol::http::{LoginFinish, SecretToken};
use zeroize::Zeroizing;

use super::super::*;
use crate::testing::{ADDRESS, ORIGIN, Person, TestDirectory, registered};

const TWICE: Rate = Rate {
    burst: 2,
    refill: Duration::from_secs(3600),
};

async fn limited(limit: fn(&mut DirectoryLimits) -> &mut Rate) -> TestDirectory {
    let mut settings = DirectorySettings::new(ORIGIN);
    *limit(&mut settings.limits) = TWICE;
    TestDirectory::with(settings).await
}

fn scope<T>(result: Result<T, DirectoryError>) -> Option<LimitScope> {
    match result {
        Err(DirectoryError::RateLimited { scope, retry_after }) => {
            assert!(retry_after > Duration::ZERO && retry_after <= TWICE.refill);
            Some(scope)
        }
        _ => None,
    }
}

#[tokio::test]
async fn logins_for_one_handle_are_limited_whether_it_exists_or_not() {
    let test = limited(|limits| &mut limits.logins_per_credential).await;
    registered(&test, &Person::alice()).await;
    for person in [Person::alice(), Person::new("nobody", 9)] {
        let begin = async || test.directory.start_login(ADDRESS, &person.login_start().1).await;
        assert!(begin().await.is_ok() && begin().await.is_ok());
        assert_eq!(scope(begin().await), Some(LimitScope::Credential));
    }
}

#[tokio::test]
async fn stranger_at_one_address_locks_nobody_out() {
    let test = limited(|limits| &mut limits.logins_per_credential_and_address).await;
    registered(&test, &Person::alice()).await;
    let elsewhere: IpAddr = "2001:db8::1".parse().unwrap();
    let begin = async |address| {
        let (_, request) = Person::alice().login_start();
        test.directory.start_login(address, &request).await
    };
    assert!(begin(ADDRESS).await.is_ok() && begin(ADDRESS).await.is_ok());
    for _ in 0..200 {
        assert!(scope(begin(ADDRESS).await).is_some());
    }
    assert!(begin(elsewhere).await.is_ok());
}

#[tokio::test]
async fn logins_from_one_address_are_limited_and_other_addresses_go_on() {
    let test = limited(|limits| &mut limits.logins_per_address).await;
    let elsewhere: IpAddr = "2001:db8::1".parse().unwrap();
    let begin = async |address, seed| {
        let handle = ["one", "two", "three", "four"][usize::from(seed)];
        test.directory
            .start_login(address, &Person::new(handle, seed).login_start().1)
            .await
    };
    assert!(begin(ADDRESS, 0).await.is_ok() && begin(ADDRESS, 1).await.is_ok());
    assert_eq!(scope(begin(ADDRESS, 2).await), Some(LimitScope::Address));
    assert!(begin(elsewhere, 3).await.is_ok());
}

#[tokio::test]
async fn registrations_from_one_address_are_limited() {
    let test = limited(|limits| &mut limits.registrations_per_address).await;
    let begin = async || {
        let (_, request) = Person::alice().registration_start(None);
        test.directory.start_registration(ADDRESS, &request).await
    };
    assert!(scope(begin().await).is_none() && scope(begin().await).is_none());
    assert_eq!(scope(begin().await), Some(LimitScope::Address));
}

#[tokio::test]
async fn changes_of_one_account_are_limited() {
    let test = limited(|limits| &mut limits.changes_per_account).await;
    let alice = registered(&test, &Person::alice()).await;
    let look_up = async || {
        let request = sealpost_protocol::http::PrincipalLookup {
            handle: "alice".into(),
        };
        test.directory.look_up_principal(&alice, &request).await
    };
    assert!(look_up().await.is_ok() && look_up().await.is_ok());
    assert_eq!(scope(look_up().await), Some(LimitScope::Account));
}

#[tokio::test]
async fn made_up_tokens_and_proofs_from_one_address_are_limited_and_real_ones_cost_nothing() {
    let test = limited(|limits| &mut limits.failures_per_address).await;
    let elsewhere: IpAddr = "2001:db8::1".parse().unwrap();
    let alice = Person::alice();
    let logged_in = alice
        .register(&test.directory, Some(test.token().await))
        .await
        .unwrap();
    let authenticate = async |address, token| test.directory.authenticate(address, token).await;
    for _ in 0..5 {
        assert!(authenticate(ADDRESS, &logged_in.session_token).await.is_ok());
    }
    let made_up = SecretToken::new(Zeroizing::new([7; 32]));
    assert!(matches!(
        authenticate(ADDRESS, &made_up).await,
        Err(DirectoryError::NotAuthenticated)
    ));
    let (client, request) = alice.login_start();
    let started = test.directory.start_login(ADDRESS, &request).await.unwrap();
    let finish = LoginFinish {
        login_id: vec![7; 16].into(),
        ..alice.login_finish(client, &started)
    };
    let refused = test.directory.finish_login(ADDRESS, finish).await;
    assert!(matches!(refused, Err(DirectoryError::Expired)));
    assert_eq!(
        scope(authenticate(ADDRESS, &made_up).await),
        Some(LimitScope::Address)
    );
    assert!(authenticate(elsewhere, &logged_in.session_token).await.is_ok());
}
