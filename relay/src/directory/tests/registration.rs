use time::Duration;

use sealpost_protocol::{
    http::{RegistrationFinish, SecretToken},
    limits::MAX_KEYSTORE,
};
use zeroize::Zeroizing;

use super::super::*;
use crate::testing::{ADDRESS, ORIGIN, Person, TestDirectory, registered};

#[tokio::test]
async fn registering_makes_an_account_a_keystore_a_principal_and_a_session() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let session = registered(&test, &alice).await;
    let account = test.directory.account(&session).await.unwrap();
    assert_eq!((account.handle.as_str(), account.keystore_version), ("alice", 1));
    assert_eq!(account.principal_id, alice.manifest().id());
    assert_eq!(
        test.directory.keystore(&session).await.unwrap().keystore,
        alice.keystore()
    );
    let manifest = test.directory.manifest(account.principal_id).await.unwrap();
    assert_eq!(manifest, Some(alice.manifest()));
    assert_eq!(
        test.directory.sessions(&session).await.unwrap().sessions[0].device_name,
        "first device"
    );
}

#[tokio::test]
async fn registration_is_closed_without_a_token_unless_it_is_open() {
    let test = TestDirectory::new().await;
    let refused = Person::alice().register(&test.directory, None).await;
    assert!(matches!(refused, Err(DirectoryError::RegistrationClosed)));
    let open = DirectorySettings {
        open_registration: true,
        ..DirectorySettings::new(ORIGIN)
    };
    let test = TestDirectory::with(open).await;
    assert!(Person::alice().register(&test.directory, None).await.is_ok());
}

#[tokio::test]
async fn a_token_makes_as_many_accounts_as_it_has_uses() {
    let test = TestDirectory::new().await;
    let request = TokenRequest {
        uses: 2,
        lifetime: None,
        note: None,
    };
    let token = test.directory.create_token(&request).await.unwrap().token;
    let again = || Some(SecretToken::new(Zeroizing::new(*token.expose_bytes())));
    assert!(Person::alice().register(&test.directory, again()).await.is_ok());
    assert!(Person::bob().register(&test.directory, again()).await.is_ok());
    let refused = Person::new("carol", 3).register(&test.directory, again()).await;
    assert!(matches!(refused, Err(DirectoryError::RegistrationTokenInvalid)));
}

#[tokio::test]
async fn two_registrations_that_race_for_the_last_use_of_a_token_make_one_account() {
    let test = TestDirectory::new().await;
    let token = test.token().await;
    let mut finishes = Vec::new();
    for person in [Person::alice(), Person::bob()] {
        let token = SecretToken::new(Zeroizing::new(*token.expose_bytes()));
        let (client, request) = person.registration_start(Some(token));
        let started = test
            .directory
            .start_registration(ADDRESS, &request)
            .await
            .unwrap();
        finishes.push(
            test.directory
                .finish_registration(ADDRESS, person.registration_finish(client, &started)),
        );
    }
    let results = futures_util::future::join_all(finishes).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let is_refused = |result: &Result<_, _>| matches!(result, Err(DirectoryError::RegistrationTokenInvalid));
    assert_eq!(results.iter().filter(|result| is_refused(result)).count(), 1);
}

#[tokio::test]
async fn a_taken_handle_is_refused_whatever_its_case_and_costs_no_use() {
    let test = TestDirectory::new().await;
    registered(&test, &Person::alice()).await;
    let token = test.token().await;
    let again = || Some(SecretToken::new(Zeroizing::new(*token.expose_bytes())));
    let refused = Person::new("ALICE", 3).register(&test.directory, again()).await;
    assert!(matches!(refused, Err(DirectoryError::HandleTaken)));
    assert!(Person::bob().register(&test.directory, again()).await.is_ok());
}

#[tokio::test]
async fn expired_and_revoked_tokens_are_refused() {
    let test = TestDirectory::new().await;
    let lifetime = Some(std::time::Duration::from_secs(60));
    let expiring = TokenRequest {
        uses: 1,
        lifetime,
        note: None,
    };
    let expiring = test.directory.create_token(&expiring).await.unwrap();
    let revoked = TokenRequest {
        uses: 1,
        lifetime: None,
        note: None,
    };
    let revoked = test.directory.create_token(&revoked).await.unwrap();
    test.directory.revoke_token(revoked.token_id).await.unwrap();
    test.clock.advance(Duration::seconds(61));
    for token in [expiring.token, revoked.token] {
        let refused = Person::alice().register(&test.directory, Some(token)).await;
        assert!(matches!(refused, Err(DirectoryError::RegistrationTokenInvalid)));
    }
}

#[tokio::test]
async fn a_registration_counts_once_and_for_five_minutes() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let (client, request) = alice.registration_start(Some(test.token().await));
    let started = test
        .directory
        .start_registration(ADDRESS, &request)
        .await
        .unwrap();
    let finish = alice.registration_finish(client, &started);
    let repeat = copy(&finish);
    assert!(test.directory.finish_registration(ADDRESS, finish).await.is_ok());
    let refused = test.directory.finish_registration(ADDRESS, repeat).await;
    assert!(matches!(refused, Err(DirectoryError::Expired)));

    let (client, request) = Person::bob().registration_start(Some(test.token().await));
    let started = test
        .directory
        .start_registration(ADDRESS, &request)
        .await
        .unwrap();
    let finish = Person::bob().registration_finish(client, &started);
    test.clock.advance(Duration::minutes(5));
    let refused = test.directory.finish_registration(ADDRESS, finish).await;
    assert!(matches!(refused, Err(DirectoryError::Expired)));
}

#[tokio::test]
async fn malformed_parts_are_named() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let spoilers: [(&str, Spoil); 5] = [
        ("registration_upload", |finish| {
            finish.registration_upload.0.truncate(191)
        }),
        ("recovery_login_key", |finish| {
            finish.recovery_login_key = vec![0; 32].into()
        }),
        ("keystore", |finish| finish.keystore = Vec::new().into()),
        ("signed_manifest", |finish| finish.signed_manifest.0.push(0)),
        ("device_name", |finish| finish.device_name = "\u{7}".into()),
    ];
    for (part, spoil) in spoilers {
        let (client, request) = alice.registration_start(Some(test.token().await));
        let started = test
            .directory
            .start_registration(ADDRESS, &request)
            .await
            .unwrap();
        let mut finish = alice.registration_finish(client, &started);
        spoil(&mut finish);
        let refused = test.directory.finish_registration(ADDRESS, finish).await;
        assert!(
            matches!(refused, Err(DirectoryError::Malformed(named)) if named == part),
            "{part}"
        );
    }
}

#[tokio::test]
async fn a_keystore_over_its_limit_is_refused_with_the_limit() {
    let (test, alice) = (TestDirectory::new().await, Person::alice());
    let (client, request) = alice.registration_start(Some(test.token().await));
    let started = test
        .directory
        .start_registration(ADDRESS, &request)
        .await
        .unwrap();
    let mut finish = alice.registration_finish(client, &started);
    finish.keystore = vec![1; MAX_KEYSTORE + 1].into();
    let refused = test.directory.finish_registration(ADDRESS, finish).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::TooLarge {
            limit: MAX_KEYSTORE,
            ..
        })
    ));
}

#[tokio::test]
async fn keys_of_somebody_else_are_refused() {
    let test = TestDirectory::new().await;
    registered(&test, &Person::alice()).await;
    let mallory = Person {
        handle: "mallory",
        ..Person::alice()
    };
    let refused = mallory.register(&test.directory, Some(test.token().await)).await;
    assert!(matches!(refused, Err(DirectoryError::Malformed("a public key"))));
}

/// Makes one part of a good request bad.
type Spoil = fn(&mut RegistrationFinish);

fn copy(finish: &RegistrationFinish) -> RegistrationFinish {
    RegistrationFinish {
        registration_id: finish.registration_id.clone(),
        registration_upload: finish.registration_upload.clone(),
        keystore: finish.keystore.clone(),
        recovery_login_key: finish.recovery_login_key.clone(),
        signed_manifest: finish.signed_manifest.clone(),
        device_name: finish.device_name.clone(),
    }
}
