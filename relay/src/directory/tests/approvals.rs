use sealpost_protocol::{
    http::{ApprovalGrant, ApprovalStart, PassphraseStart},
    limits,
};
use time::Duration;

use super::super::*;
use super::start_over::start_over;
use crate::testing::{ADDRESS, ORIGIN, Person, TestDevice, TestDirectory, registered};

const PHONE: TestDevice = TestDevice { seed: 7 };

async fn with_alice() -> (TestDirectory, AuthenticatedSession) {
    let test = TestDirectory::new().await;
    let alice = registered(&test, &Person::alice()).await;
    (test, alice)
}

#[track_caller]
fn expect_invalid<T>(result: Result<T, DirectoryError>) {
    assert!(matches!(result, Err(DirectoryError::DeviceCodeInvalid)));
}

#[tokio::test]
async fn new_device_waits_is_approved_and_gets_one_session() {
    let (test, alice) = with_alice().await;
    PHONE.ask(&test).await.unwrap();
    assert!(PHONE.ask_again(&test).await.unwrap().approved.is_none());
    let shown = test
        .directory
        .look_up_approval(&alice, &PHONE.look_up())
        .await
        .unwrap();
    assert_eq!(shown.device_name, TestDevice::NAME);
    assert_eq!(shown.hpke_key, PHONE.start().hpke_key);
    assert!(PHONE.ask_again(&test).await.unwrap().approved.is_none());
    test.directory
        .grant_approval(&alice, &PHONE.grant())
        .await
        .unwrap();

    let approved = PHONE.ask_again(&test).await.unwrap().approved.unwrap();
    assert_eq!(approved.sealed_approval, PHONE.grant().sealed_approval);
    assert_eq!(
        (approved.login.handle.as_str(), approved.login.account_id),
        ("alice", alice.account_id())
    );
    let phone = test
        .directory
        .authenticate(ADDRESS, &approved.login.session_token)
        .await
        .unwrap();
    assert_eq!(phone.principal_id(), alice.principal_id());
    let listed = test.directory.sessions(&alice).await.unwrap().sessions;
    assert!(
        listed.iter().any(
            |session| session.session_id == phone.session_id() && session.device_name == TestDevice::NAME
        )
    );
    expect_invalid(PHONE.ask_again(&test).await);
    expect_invalid(test.directory.look_up_approval(&alice, &PHONE.look_up()).await);
    expect_invalid(test.directory.grant_approval(&alice, &PHONE.grant()).await);
}

#[tokio::test]
async fn code_is_approved_once_whoever_comes_second() {
    let (test, alice) = with_alice().await;
    let bob = registered(&test, &Person::bob()).await;
    PHONE.approved_by(&test, &alice).await;
    for caller in [&bob, &alice] {
        expect_invalid(test.directory.look_up_approval(caller, &PHONE.look_up()).await);
        expect_invalid(test.directory.grant_approval(caller, &PHONE.grant()).await);
    }
    let second = test.second().await;
    let claim = PHONE.claim();
    let (one, two) = tokio::join!(
        test.directory.claim_approval(ADDRESS, &claim),
        second.claim_approval(ADDRESS, &claim)
    );
    let of_alice = |claimed: Result<sealpost_protocol::http::ApprovalClaimed, _>| {
        claimed.ok().and_then(|claimed| claimed.approved)
    };
    let given: Vec<_> = [one, two].into_iter().filter_map(of_alice).collect();
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].login.account_id, alice.account_id());
    assert_eq!(test.directory.sessions(&alice).await.unwrap().sessions.len(), 2);
}

#[tokio::test]
async fn expired_unknown_and_withdrawn_requests_are_refused_alike_and_swept() {
    let (test, alice) = with_alice().await;
    let started = PHONE.ask(&test).await.unwrap();
    let laptop = TestDevice { seed: 8 };
    laptop.approved_by(&test, &alice).await;
    let tablet = TestDevice { seed: 9 };
    tablet.ask(&test).await.unwrap();
    test.directory
        .withdraw_approval(ADDRESS, &tablet.claim())
        .await
        .unwrap();
    let nobody = TestDevice { seed: 10 };
    for device in [&tablet, &nobody] {
        expect_invalid(test.directory.withdraw_approval(ADDRESS, &device.claim()).await);
        expect_invalid(device.ask_again(&test).await);
        expect_invalid(test.directory.look_up_approval(&alice, &device.look_up()).await);
        expect_invalid(test.directory.grant_approval(&alice, &device.grant()).await);
    }
    test.clock.advance(Duration::minutes(10));
    assert_eq!(started.expires_at, test.clock.now());
    expect_invalid(laptop.ask_again(&test).await);
    expect_invalid(PHONE.ask_again(&test).await);
    expect_invalid(test.directory.look_up_approval(&alice, &PHONE.look_up()).await);
    expect_invalid(test.directory.grant_approval(&alice, &PHONE.grant()).await);
    assert_eq!(test.directory.sweep().await.unwrap().device_requests, 2);
    assert_eq!(test.directory.sessions(&alice).await.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn approving_needs_a_fresh_login_and_makes_none() {
    let (test, alice) = with_alice().await;
    PHONE.approved_by(&test, &alice).await;
    let approved = PHONE.ask_again(&test).await.unwrap().approved.unwrap();
    let phone = test
        .directory
        .authenticate(ADDRESS, &approved.login.session_token)
        .await
        .unwrap();
    let laptop = TestDevice { seed: 8 };
    laptop.ask(&test).await.unwrap();
    test.directory
        .look_up_approval(&phone, &laptop.look_up())
        .await
        .unwrap();
    let stale = |result| matches!(result, Err(DirectoryError::FreshLoginRequired));
    assert!(stale(
        test.directory.grant_approval(&phone, &laptop.grant()).await
    ));
    let change = PassphraseStart {
        registration_request: vec![0; 32].into(),
    };
    let changed = test.directory.start_passphrase(&phone, &change).await;
    assert!(stale(changed.map(drop)));
    test.clock.advance(Duration::minutes(10) + Duration::seconds(1));
    let tablet = TestDevice { seed: 9 };
    tablet.ask(&test).await.unwrap();
    assert!(stale(
        test.directory.grant_approval(&alice, &tablet.grant()).await
    ));
    assert!(tablet.ask_again(&test).await.unwrap().approved.is_none());
}

#[tokio::test]
async fn changed_credentials_void_an_approval_that_was_not_claimed() {
    let (test, alice) = with_alice().await;
    PHONE.approved_by(&test, &alice).await;
    test.database
        .execute("UPDATE accounts SET credential_version = credential_version + 1")
        .await;
    expect_invalid(PHONE.ask_again(&test).await);
    expect_invalid(PHONE.ask_again(&test).await);
    assert_eq!(test.directory.sessions(&alice).await.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn a_device_that_was_let_in_is_listed_and_sent_away_before_it_comes() {
    let (test, alice) = with_alice().await;
    PHONE.approved_by(&test, &alice).await;
    let listed = test.directory.sessions(&alice).await.unwrap().sessions;
    let names: Vec<_> = listed
        .iter()
        .map(|session| session.device_name.as_str())
        .collect();
    assert_eq!(names.len(), 2);
    let expected = listed
        .iter()
        .find(|session| session.device_name == TestDevice::NAME);
    let expected = expected.unwrap().session_id;
    let bob = registered(&test, &Person::bob()).await;
    let of_others = test.directory.end_session(&bob, expected).await;
    assert!(matches!(of_others, Err(DirectoryError::NotFound)));
    test.directory.end_session(&alice, expected).await.unwrap();
    expect_invalid(PHONE.ask_again(&test).await);
    assert_eq!(test.directory.sessions(&alice).await.unwrap().sessions.len(), 1);

    let laptop = TestDevice { seed: 8 };
    laptop.approved_by(&test, &alice).await;
    let before = test.directory.sessions(&alice).await.unwrap().sessions;
    let login = laptop.ask_again(&test).await.unwrap().approved.unwrap().login;
    let after = test.directory.sessions(&alice).await.unwrap().sessions;
    let id = login.session.session_id;
    assert!(before.iter().any(|session| session.session_id == id));
    assert_eq!((before.len(), after.len()), (2, 2));
    test.directory.end_session(&alice, id).await.unwrap();
    let ended = test.directory.authenticate(ADDRESS, &login.session_token).await;
    assert!(matches!(ended, Err(DirectoryError::NotAuthenticated)));
}

#[tokio::test]
async fn new_credentials_take_back_what_was_approved_before() {
    let (test, alice) = with_alice().await;
    PHONE.approved_by(&test, &alice).await;
    start_over(&test, &alice).await;
    let left = test
        .database
        .texts("SELECT count(*)::text FROM device_requests".to_owned())
        .await;
    assert_eq!(left, ["0"]);
    expect_invalid(PHONE.ask_again(&test).await);
}

#[tokio::test]
async fn who_approves_with_keys_that_were_replaced_meanwhile_lets_nobody_in() {
    let (test, alice) = with_alice().await;
    registered(&test, &Person::bob()).await;
    PHONE.ask(&test).await.unwrap();
    // As far as the relay can tell, she starts over while her old device approves.
    test.database
        .execute(
            "UPDATE accounts SET principal_id = other.principal_id FROM accounts AS other
             WHERE other.account_id <> accounts.account_id",
        )
        .await;
    expect_invalid(test.directory.grant_approval(&alice, &PHONE.grant()).await);
    assert!(PHONE.ask_again(&test).await.unwrap().approved.is_none());
}

#[tokio::test]
async fn disabled_and_deleted_accounts_let_nobody_in() {
    let (test, alice) = with_alice().await;
    PHONE.approved_by(&test, &alice).await;
    test.directory.disable_account(alice.account_id()).await.unwrap();
    let refused = PHONE.ask_again(&test).await;
    assert!(matches!(refused, Err(DirectoryError::AccountDisabled)));
    let bob = registered(&test, &Person::bob()).await;
    let laptop = TestDevice { seed: 8 };
    laptop.approved_by(&test, &bob).await;
    test.directory.delete_own_account(&bob).await.unwrap();
    expect_invalid(laptop.ask_again(&test).await);
}

#[tokio::test]
async fn requests_and_approvals_out_of_bounds_are_refused() {
    let (test, alice) = with_alice().await;
    let bad = [
        ApprovalStart {
            hpke_key: vec![7; limits::HPKE_KEY - 1].into(),
            ..PHONE.start()
        },
        ApprovalStart {
            device_name: "\u{1b}[2J".to_owned(),
            ..PHONE.start()
        },
        ApprovalStart {
            device_name: String::new(),
            ..PHONE.start()
        },
    ];
    for request in bad {
        let refused = test.directory.start_approval(ADDRESS, request).await;
        assert!(matches!(refused, Err(DirectoryError::Malformed(_))));
    }
    PHONE.ask(&test).await.unwrap();
    let who_saw_the_code = ApprovalStart {
        claim_token: TestDevice { seed: 9 }.start().claim_token,
        ..PHONE.start()
    };
    let refused = test.directory.start_approval(ADDRESS, who_saw_the_code).await;
    assert!(matches!(refused, Err(DirectoryError::Malformed("a token"))));
    let of_length = |length| ApprovalGrant {
        sealed_approval: vec![1; length].into(),
        ..PHONE.grant()
    };
    let granted = test.directory.grant_approval(&alice, &of_length(0)).await;
    assert!(matches!(
        granted,
        Err(DirectoryError::Malformed("sealed_approval"))
    ));
    let granted = test.directory.grant_approval(&alice, &of_length(4097)).await;
    assert!(matches!(
        granted,
        Err(DirectoryError::TooLarge { limit: 4096, .. })
    ));
    test.directory
        .grant_approval(&alice, &of_length(4096))
        .await
        .unwrap();
}

#[tokio::test]
async fn requests_have_a_rate_and_a_number() {
    let mut settings = DirectorySettings::new(ORIGIN);
    settings.limits.registrations_per_address.burst = 2;
    settings.limits.failures_per_address.burst = 2;
    let test = TestDirectory::with(settings).await;
    PHONE.ask(&test).await.unwrap();
    let fill = "INSERT INTO device_requests (token_hash, claim_hash, device_sealed, created_at, expires_at)
        SELECT sha256(n::text::bytea), sha256((-n)::text::bytea), '', now(), now()
        FROM generate_series(2, 10000) AS n";
    test.database.execute(fill).await;
    let laptop = TestDevice { seed: 8 };
    let refused = laptop.ask(&test).await;
    assert!(matches!(refused, Err(DirectoryError::TooManyDeviceRequests)));
    let refused = laptop.ask(&test).await;
    assert!(matches!(refused, Err(DirectoryError::RateLimited { .. })));
    for _ in 0..10 {
        assert!(PHONE.ask_again(&test).await.is_ok(), "asking again costs nothing");
    }
    expect_invalid(laptop.ask_again(&test).await);
    expect_invalid(laptop.ask_again(&test).await);
    let refused = laptop.ask_again(&test).await;
    assert!(matches!(refused, Err(DirectoryError::RateLimited { .. })));
}

#[tokio::test]
async fn rows_of_requests_are_sealed_and_lead_to_nobody_else() {
    let (test, alice) = with_alice().await;
    registered(&test, &Person::bob()).await;
    PHONE.approved_by(&test, &alice).await;
    let dump = test.database.dump().await;
    let start = PHONE.start();
    for canary in [
        TestDevice::NAME.as_bytes(),
        &start.hpke_key.0[..64],
        start.request_token.expose_bytes(),
        start.claim_token.expose_bytes(),
        &PHONE.grant().sealed_approval.0,
    ] {
        assert!(!dump.contains(&hex::encode(canary)));
    }
    test.database
        .execute(
            "UPDATE device_requests SET account_id = accounts.account_id FROM accounts
             WHERE accounts.account_id <> device_requests.account_id",
        )
        .await;
    let refused = PHONE.ask_again(&test).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Damaged {
            column: "device_requests.approval",
            ..
        })
    ));
}
