use sealpost_opaque::{ClientLogin, sizes};
use sealpost_protocol::http::{LoginFinish, LoginStart, PrincipalLookup};
use time::Duration;

use super::super::{
    seals::{columns, fields},
    *,
};
use crate::testing::{ADDRESS, Person, TestDirectory, authenticate, registered};

#[tokio::test]
async fn the_passphrase_logs_in_a_second_device() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let first = registered(&test, &alice).await;
    let logged_in = alice.log_in(&test.directory).await.unwrap();
    let second = authenticate(&test.directory, &logged_in).await;
    assert_eq!(
        (first.account_id(), logged_in.handle.as_str()),
        (second.account_id(), "alice")
    );
    assert_ne!(first.session_id(), second.session_id());
    assert!(logged_in.session.current);
}

#[tokio::test]
async fn wrong_passphrase_and_unknown_handle_fail_alike() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    registered(&test, &alice).await;
    let forgetful = Person {
        passphrase: "something else",
        ..alice
    };
    for person in [forgetful, Person::new("nobody", 9)] {
        let refused = person.log_in(&test.directory).await;
        assert!(matches!(refused, Err(DirectoryError::LoginFailed)));
    }
}

#[tokio::test]
async fn answers_for_unknown_handles_have_the_shape_of_others_and_stay_the_same() {
    let test = TestDirectory::new().await;
    registered(&test, &Person::alice()).await;
    let (_, credential_request) = ClientLogin::start(b"guess").unwrap();
    let ask = async |handle: &str| {
        let credential_request = credential_request.clone().into();
        let request = LoginStart {
            handle: handle.into(),
            credential_request,
        };
        test.directory
            .start_login(ADDRESS, &request)
            .await
            .unwrap()
            .credential_response
            .0
    };
    let (known, unknown) = (ask("alice").await, ask("nobody").await);
    assert_eq!(
        (known.len(), unknown.len()),
        (sizes::LOGIN_RESPONSE, sizes::LOGIN_RESPONSE)
    );
    // The first 32 bytes depend on the request and the account alone.
    assert_eq!(ask("alice").await[..32], known[..32]);
    assert_eq!(ask("nobody").await[..32], unknown[..32]);
    assert_eq!(ask("NoBody").await[..32], unknown[..32]);
    assert_ne!(ask("somebody").await[..32], unknown[..32]);
}

#[tokio::test]
async fn what_is_stored_of_an_attempt_does_not_tell_whether_there_is_an_account() {
    let test = TestDirectory::new().await;
    registered(&test, &Person::alice()).await;
    for person in [Person::alice(), Person::new("nobody", 9)] {
        test.directory
            .start_login(ADDRESS, &person.login_start().1)
            .await
            .unwrap();
    }
    let query = "SELECT DISTINCT octet_length(state_sealed)::text FROM auth_attempts WHERE purpose = 'login'";
    let lengths = test.database.texts(query).await;
    assert_eq!(lengths.len(), 1);
}

#[tokio::test]
async fn a_login_counts_once_and_for_a_minute() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    registered(&test, &alice).await;
    let (client, request) = alice.login_start();
    let started = test.directory.start_login(ADDRESS, &request).await.unwrap();
    let finish = alice.login_finish(client, &started);
    assert!(test.directory.finish_login(ADDRESS, finish.clone()).await.is_ok());
    assert!(matches!(
        test.directory.finish_login(ADDRESS, finish).await,
        Err(DirectoryError::Expired)
    ));

    let (client, request) = alice.login_start();
    let started = test.directory.start_login(ADDRESS, &request).await.unwrap();
    let finish = alice.login_finish(client, &started);
    test.clock.advance(Duration::minutes(1));
    assert!(matches!(
        test.directory.finish_login(ADDRESS, finish).await,
        Err(DirectoryError::Expired)
    ));
}

#[tokio::test]
async fn a_failed_proof_uses_the_login_up() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    registered(&test, &alice).await;
    let (client, request) = alice.login_start();
    let started = test.directory.start_login(ADDRESS, &request).await.unwrap();
    let right = alice.login_finish(client, &started);
    let wrong = LoginFinish {
        credential_finalization: vec![7; 64].into(),
        ..right.clone()
    };
    assert!(matches!(
        test.directory.finish_login(ADDRESS, wrong).await,
        Err(DirectoryError::LoginFailed)
    ));
    assert!(matches!(
        test.directory.finish_login(ADDRESS, right).await,
        Err(DirectoryError::Expired)
    ));
}

#[tokio::test]
async fn an_id_that_was_never_given_out_is_expired() {
    let test = TestDirectory::new().await;
    for login_id in [vec![], vec![1; 15], vec![1; 16], vec![1; 17]] {
        let finish = LoginFinish {
            login_id: login_id.into(),
            credential_finalization: vec![0; 64].into(),
            device_name: "device".into(),
        };
        assert!(matches!(
            test.directory.finish_login(ADDRESS, finish).await,
            Err(DirectoryError::Expired)
        ));
    }
}

#[tokio::test]
async fn a_login_begun_at_one_relay_ends_at_another() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    registered(&test, &alice).await;
    let second = test.second().await;
    let (client, request) = alice.login_start();
    let started = test.directory.start_login(ADDRESS, &request).await.unwrap();
    let logged_in = second
        .finish_login(ADDRESS, alice.login_finish(client, &started))
        .await
        .unwrap();
    authenticate(&test.directory, &logged_in).await;
}

#[tokio::test]
async fn relays_that_start_together_agree_on_setup_and_incarnation() {
    let test = TestDirectory::new().await;
    let second = test.second().await;
    let (first, other) = tokio::join!(test.directory.opaque_public_key(), second.opaque_public_key());
    assert_eq!(first.unwrap(), other.unwrap());
    let (first, other) = tokio::join!(test.directory.incarnation(), second.incarnation());
    assert_eq!(first.unwrap(), other.unwrap());
}

/// Before handles had to begin with a letter or a digit, some did not.
#[tokio::test]
async fn an_account_of_before_the_rule_on_handles_is_found_by_its_own() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let caller = registered(&test, &alice).await;
    let seals = test.directory.seals.open().await.unwrap();
    let rename = format!(
        "UPDATE accounts SET handle_index = decode('{}', 'hex'), handle_sealed = decode('{}', 'hex')
         RETURNING 'done'",
        hex::encode(seals.blind(fields::HANDLE, b"_alice").as_bytes()),
        hex::encode(seals.seal(columns::HANDLE, caller.account_id().as_bytes(), b"_alice")),
    );
    test.database.texts(rename).await;
    let alice = Person {
        handle: "_alice",
        ..alice
    };
    assert_eq!(alice.log_in(&test.directory).await.unwrap().handle, "_alice");
    let by_code = alice.log_in_by_recovery_code(&test.directory).await.unwrap();
    assert_eq!(by_code.handle, "_alice");
    let found = test.directory.account_of("_Alice").await.unwrap();
    assert_eq!(found, caller.account_id());
    let request = PrincipalLookup {
        handle: "_alice".into(),
    };
    assert!(test.directory.look_up_principal(&caller, &request).await.is_ok());
    let new = Person::new("_carol", 3)
        .register(&test.directory, Some(test.token().await))
        .await;
    assert!(matches!(new, Err(DirectoryError::HandleInvalid)));
}
