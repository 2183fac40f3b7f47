//! What a client does from its first request on.

use axum::http::{Method, StatusCode};
use sealpost_opaque::{ClientLogin, ClientRegistration};
use sealpost_protocol::http::{
    AccountView, Info, KeystoreHistory, KeystorePut, KeystoreStage, KeystoreVersion, KeystoreView, LoggedIn,
    PassphraseStart, PassphraseStarted, PrincipalCandidate, PrincipalLookup, RecoveryLoginStart, SessionList,
    SpaceList, StagedCommit, StagedVerified, StagedVerify, StagedView,
};

use super::client::{Api, answer, problem, space};
use crate::testing::{ORIGIN, Person, checked};

#[tokio::test]
async fn a_client_registers_logs_in_twice_and_logs_out() {
    let (api, alice) = (Api::new().await, Person::alice());
    let info: Info = api.get("/v1/info", None).await;
    assert_eq!(
        (info.name.as_str(), info.version.as_str(), info.origin.as_str()),
        ("sealpost", "1.2.3", ORIGIN)
    );
    assert_eq!(
        (info.opaque_public_key.0.len(), info.open_registration),
        (32, false)
    );
    assert_eq!(info.checkpoint_key.0.len(), 32);
    checked(info.ksf);

    let first = api.register(&alice).await;
    let (client, request) = alice.login_start();
    let started = api.post("/v1/login/start", None, &request).await;
    let second: LoggedIn = api
        .post("/v1/login/finish", None, &alice.login_finish(client, &started))
        .await;
    let request = RecoveryLoginStart {
        recovery_login_key: alice.recovery_login_key(),
    };
    let started = api.post("/v1/login/recovery/start", None, &request).await;
    let third: LoggedIn = api
        .post(
            "/v1/login/recovery/finish",
            None,
            &alice.recovery_login_finish(&started),
        )
        .await;
    assert!(first.account_id == second.account_id && second.account_id == third.account_id);

    let listed: SessionList = api.get("/v1/sessions", Some(&third.session_token)).await;
    assert_eq!(listed.sessions.len(), 3);
    let path = format!("/v1/sessions/{}", first.session.session_id);
    let ended = api
        .call(Method::DELETE, &path, Some(&second.session_token), None::<&()>)
        .await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    let path = "/v1/sessions/current";
    let ended = api
        .call(Method::DELETE, path, Some(&second.session_token), None::<&()>)
        .await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    for ended in [first, second] {
        let refused = api
            .call(
                Method::GET,
                "/v1/account",
                Some(&ended.session_token),
                None::<&()>,
            )
            .await;
        assert_eq!(problem(refused).await.code, "not_authenticated");
    }
    let account: AccountView = api.get("/v1/account", Some(&third.session_token)).await;
    assert_eq!(account.handle, "alice");
}

#[tokio::test]
async fn a_client_keeps_its_keystore_and_looks_people_up() {
    let (api, alice) = (Api::new().await, Person::alice());
    let session = Some(api.register(&alice).await.session_token);
    let session = session.as_ref();
    api.register(&Person::bob()).await;
    let put = KeystorePut {
        base_version: 1,
        keystore: b"two".to_vec().into(),
    };
    let version: KeystoreVersion =
        answer(api.call(Method::PUT, "/v1/keystore", session, Some(&put)).await).await;
    assert_eq!(version.version, 2);
    let conflict = api.call(Method::PUT, "/v1/keystore", session, Some(&put)).await;
    assert_eq!(problem(conflict).await.code, "keystore_conflict");
    let current: KeystoreView = api.get("/v1/keystore", session).await;
    let first: KeystoreView = api.get("/v1/keystore/history/1", session).await;
    assert_eq!(
        (current.keystore.0, first.keystore),
        (b"two".to_vec(), alice.keystore())
    );
    let history: KeystoreHistory = api.get("/v1/keystore/history", session).await;
    assert_eq!(history.versions.len(), 2);

    let request = PrincipalLookup { handle: "bob".into() };
    let candidate: PrincipalCandidate = api.post("/v1/principals/lookup", session, &request).await;
    assert_eq!(candidate.signed_manifest, Person::bob().signed_manifest());
    let spaces: SpaceList = api.get("/v1/spaces", session).await;
    assert_eq!(spaces.spaces, [space()]);
}

#[tokio::test]
async fn a_client_deletes_its_account() {
    let (api, alice) = (Api::new().await, Person::alice());
    let session = api.register(&alice).await.session_token;
    let deleted = api
        .call(Method::DELETE, "/v1/account", Some(&session), None::<&()>)
        .await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    let refused = api
        .call(Method::GET, "/v1/account", Some(&session), None::<&()>)
        .await;
    assert_eq!(problem(refused).await.code, "not_authenticated");
    api.register(&alice).await;
}

#[tokio::test]
async fn a_client_changes_its_passphrase() {
    let (api, alice) = (Api::new().await, Person::alice());
    let logged_in = api.register(&alice).await;
    let session = Some(&logged_in.session_token);
    let (client, request) = ClientRegistration::start(b"new passphrase").unwrap();
    let request = PassphraseStart {
        registration_request: request.into(),
    };
    let started: PassphraseStarted = api.post("/v1/keystore/passphrase/start", session, &request).await;
    let ksf = checked(started.ksf);
    let registered = client
        .finish(b"new passphrase", &started.registration_response.0, ksf)
        .unwrap();
    let stage = KeystoreStage {
        base_version: 1,
        keystore: b"new keystore".to_vec().into(),
        registration_upload: Some(registered.upload.to_vec().into()),
        recovery_login_key: None,
        signed_manifest: None,
    };
    let staged: StagedView = api.post("/v1/keystore/staged", session, &stage).await;
    let commit = StagedCommit {
        stage_id: staged.stage_id.clone(),
    };
    let early = api
        .call(Method::POST, "/v1/keystore/staged/commit", session, Some(&commit))
        .await;
    assert_eq!(problem(early).await.code, "stage_unverified");

    let read_back: StagedView = api.get("/v1/keystore/staged", session).await;
    assert_eq!(read_back, staged);
    let (client, request) = ClientLogin::start(b"new passphrase").unwrap();
    let verify = StagedVerify {
        stage_id: staged.stage_id,
        credential_request: request.into(),
    };
    let verified: StagedVerified = api.post("/v1/keystore/staged/verify", session, &verify).await;
    assert!(
        client
            .finish(b"new passphrase", &verified.credential_response.0, ksf)
            .is_ok()
    );
    let version: KeystoreVersion = api.post("/v1/keystore/staged/commit", session, &commit).await;
    assert_eq!(version.version, 2);
    let changed = Person {
        passphrase: "new passphrase",
        ..alice
    };
    assert!(changed.log_in(&api.test.directory).await.is_ok());
}
