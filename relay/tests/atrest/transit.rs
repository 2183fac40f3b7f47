//! OpenBao Transit as key wrapper, on real servers.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use reqwest::{Method, StatusCode};
use sealpost_relay::atrest::{
    DataKey, DataKeyError, DataKeyLimits, KeyScope, KeyServiceState, KeyToUnwrap, KeyToWrap, KeyWrapError,
    KeyWrapper, WrappedKey, rewrap,
    transit::{SecretSource, Transit, TransitCredential, TransitSettings},
};
use serde_json::json;
use tokio::time::{Instant, advance, pause, resume};
use zeroize::Zeroizing;

use crate::{
    conformance,
    support::{
        MemoryStore, data_keys, entropy,
        openbao::{Server, settings},
    },
};

/// As the relay's role has it: `token_period`.
const LEASE: Duration = Duration::from_secs(3_600);

/// Lets time pass for the relay, but not for the server.
async fn pass(duration: Duration) {
    pause();
    advance(duration).await;
    resume();
}

async fn wrap_one(transit: &Transit) -> Result<WrappedKey, KeyWrapError> {
    let key = DataKey::generate(&*entropy());
    let items = [KeyToWrap {
        associated_data: Vec::new(),
        key: &key,
    }];
    transit
        .wrap_batch(&items)
        .await
        .map(|mut wrapped| wrapped.remove(0))
}

fn transit_with(server: &Server, credential: TransitCredential) -> Transit {
    Transit::new(
        TransitSettings {
            credential,
            ..server.settings()
        },
        entropy(),
    )
    .unwrap()
}

#[tokio::test]
async fn transit_passes_the_conformance_suite() {
    let server = Server::start().await;
    conformance::check(&server.transit()).await;
    server.stop().await;
}

#[tokio::test]
async fn the_credential_can_encrypt_and_decrypt_and_nothing_else() {
    let server = Server::start().await;
    let relay = server.relay().await;
    let wrapped = wrap_one(&server.transit()).await.unwrap();
    let ciphertext = String::from_utf8(wrapped.as_bytes().to_vec()).unwrap();
    let word = json!({ "plaintext": "d29yZA==" });
    for (method, path, body) in [
        (Method::POST, "transit/encrypt/relay-atrest", word.clone()),
        (
            Method::POST,
            "transit/decrypt/relay-atrest",
            json!({ "ciphertext": ciphertext }),
        ),
        (Method::POST, "auth/token/renew-self", json!({})),
        (Method::GET, "auth/token/lookup-self", json!({})),
    ] {
        assert_eq!(relay.ask(method, path, body).await.0, StatusCode::OK, "{path}");
    }
    for (method, path) in FORBIDDEN {
        let (status, _) = relay.ask(method, path, word.clone()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    server.stop().await;
}

const FORBIDDEN: [(Method, &str); 24] = [
    (Method::GET, "transit/keys/relay-atrest"),
    (Method::GET, "transit/keys?list=true"),
    (Method::POST, "transit/keys/relay-atrest/rotate"),
    (Method::POST, "transit/keys/relay-atrest/config"),
    (Method::POST, "transit/keys/relay-atrest/trim"),
    (Method::DELETE, "transit/keys/relay-atrest"),
    (Method::DELETE, "transit/keys/relay-atrest/soft-delete"),
    (Method::POST, "transit/rewrap/relay-atrest"),
    (Method::GET, "transit/export/encryption-key/relay-atrest"),
    (Method::GET, "transit/backup/relay-atrest"),
    (Method::POST, "transit/restore/relay-atrest"),
    (Method::POST, "transit/datakey/plaintext/relay-atrest"),
    (Method::POST, "transit/encrypt/other"),
    (Method::POST, "transit/decrypt/other"),
    (Method::POST, "transit/keys/other"),
    (Method::GET, "sys/storage/raft/snapshot"),
    (Method::POST, "sys/storage/raft/snapshot"),
    (Method::GET, "sys/policies/acl/relay-atrest"),
    (Method::POST, "sys/policies/acl/relay-atrest"),
    (Method::GET, "sys/mounts"),
    (Method::POST, "sys/seal"),
    (Method::POST, "auth/token/create"),
    (Method::POST, "auth/approle/role/relay/secret-id"),
    (Method::POST, "sys/capabilities-self"),
];

#[tokio::test]
async fn a_stopped_server_is_an_outage_that_ends_without_a_restart() {
    let server = Server::start().await;
    let transit = Arc::new(server.transit());
    let store = Arc::new(MemoryStore::default());
    let keys = data_keys(transit.clone(), store.clone(), DataKeyLimits::default());
    let (known, unknown) = (KeyScope::Space(1), KeyScope::Space(2));
    let key = keys.create(known).await.unwrap();
    data_keys(transit.clone(), store, DataKeyLimits::default())
        .create(unknown)
        .await
        .unwrap();

    let stopped = server.stop().await;
    assert_eq!(keys.check().await.state, KeyServiceState::Degraded);
    assert_eq!(keys.open(known).await.unwrap().id(), key.id());
    let refused = keys.open(unknown).await.err().unwrap();
    assert!(
        matches!(refused, DataKeyError::KeyService(KeyWrapError::Unavailable(_))),
        "{refused}"
    );
    assert!(keys.create(KeyScope::Space(3)).await.err().unwrap().is_outage());

    let server = stopped.start().await;
    assert_eq!(keys.check().await.state, KeyServiceState::Good);
    assert!(keys.open(unknown).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_sealed_server_is_an_outage_that_ends_without_a_restart() {
    let server = Server::start_to_be_sealed().await;
    let transit = server.transit();
    transit.canary().await.unwrap();
    server.seal().await;
    let sealed = KeyWrapError::Unavailable("503 Vault is sealed".into());
    assert_eq!(transit.canary().await, Err(sealed.clone()));
    // A relay that starts now meets the same.
    assert_eq!(server.transit().canary().await, Err(sealed));

    // What a person sealed by hand stays sealed until the server starts anew.
    let server = server.stop().await.start().await;
    assert_eq!(transit.canary().await, Ok(()));
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_is_told_soon_and_then_at_once() {
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let credential = TransitCredential::AppRole {
        mount: "approle".to_owned(),
        role_id: "relay".to_owned(),
        secret_id: SecretSource::Value(Zeroizing::new("secret".to_owned())),
    };
    let transit = Transit::new(settings(&format!("http://{nobody}"), credential), entropy()).unwrap();
    let started = Instant::now();
    for _ in 0..3 {
        assert!(matches!(
            wrap_one(&transit).await,
            Err(KeyWrapError::Unavailable(_))
        ));
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    let started = Instant::now();
    assert!(matches!(
        wrap_one(&transit).await,
        Err(KeyWrapError::Unavailable(_))
    ));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

/// Accepts connections and never answers.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up_in_bounded_time() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let credential = TransitCredential::AppRole {
        mount: "approle".to_owned(),
        role_id: "relay".to_owned(),
        secret_id: SecretSource::Value(Zeroizing::new("secret".to_owned())),
    };
    let request_timeout = Duration::from_millis(200);
    let settings = TransitSettings {
        request_timeout,
        ..settings(&address, credential)
    };
    let transit = Transit::new(settings, entropy()).unwrap();
    let started = Instant::now();
    assert!(matches!(
        transit.canary().await,
        Err(KeyWrapError::Unavailable(_))
    ));
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_wrong_credential_is_denied() {
    let server = Server::start().await;
    let wrong = |secret: &str| TransitCredential::AppRole {
        mount: "approle".to_owned(),
        role_id: "relay".to_owned(),
        secret_id: SecretSource::Value(Zeroizing::new(secret.to_owned())),
    };
    let denied = transit_with(&server, wrong("wrong")).canary().await;
    assert_eq!(
        denied,
        Err(KeyWrapError::Denied("invalid role or secret ID".into()))
    );
    let missing = TransitCredential::TokenFile(PathBuf::from("/nonexistent/token"));
    assert!(matches!(
        transit_with(&server, missing).canary().await,
        Err(KeyWrapError::Denied(_))
    ));
    fs::write(server.path("token"), "s.wrong").unwrap();
    let wrong = TransitCredential::TokenFile(server.path("token"));
    assert!(matches!(
        transit_with(&server, wrong).canary().await,
        Err(KeyWrapError::Denied(_))
    ));
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_renewed_at_half_its_lease_and_replaced_when_it_is_refused() {
    let server = Server::start().await;
    let transit = server.transit();
    let logins = server.requests_for("auth/approle/login");
    assert_eq!(transit.describe().credential_seconds_left, None);
    transit.canary().await.unwrap();
    let left = transit.describe().credential_seconds_left.unwrap();
    assert!((LEASE.as_secs() - 60..=LEASE.as_secs()).contains(&left), "{left}");
    assert_eq!(server.requests_for("auth/approle/login"), logins + 1);

    pass(LEASE / 2 - Duration::from_secs(60)).await;
    transit.canary().await.unwrap();
    assert_eq!(server.requests_for("auth/token/renew-self"), 0);
    pass(Duration::from_secs(60)).await;
    assert!(transit.describe().credential_seconds_left.unwrap() <= LEASE.as_secs() / 2);
    transit.canary().await.unwrap();
    assert_eq!(server.requests_for("auth/token/renew-self"), 1);
    assert!(transit.describe().credential_seconds_left.unwrap() > LEASE.as_secs() / 2 + 60);

    server
        .operator()
        .await
        .order("sys/leases/revoke-prefix/auth/approle/login", json!({}))
        .await;
    transit.canary().await.unwrap();
    assert_eq!(server.requests_for("auth/approle/login"), logins + 2);
    server.stop().await;
}

#[tokio::test]
async fn a_token_in_a_file_is_taken_up_and_its_successor_too() {
    let server = Server::start().await;
    let operator = server.operator().await;
    let new_token = async |policies: &[&str]| {
        let wanted =
            json!({ "policies": policies, "no_default_policy": true, "period": "1h", "no_parent": true });
        let answer = operator.order("auth/token/create", wanted).await;
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let (first, second) = (
        new_token(&["relay-atrest"]).await,
        new_token(&["relay-atrest"]).await,
    );
    let file = server.path("token");
    fs::write(&file, format!("{first}\n")).unwrap();
    let transit = transit_with(&server, TransitCredential::TokenFile(file.clone()));
    transit.canary().await.unwrap();
    assert!(transit.describe().credential_seconds_left.is_some());
    pass(LEASE * 2 / 3).await;
    transit.canary().await.unwrap();
    assert_eq!(server.requests_for("auth/token/renew-self"), 1);

    operator
        .order("auth/token/revoke", json!({ "token": first }))
        .await;
    assert!(matches!(transit.canary().await, Err(KeyWrapError::Denied(_))));
    fs::write(&file, second).unwrap();
    assert_eq!(transit.canary().await, Ok(()));
    server.stop().await;
}

#[tokio::test]
async fn after_a_rotation_rewrap_brings_every_key_to_the_new_version() {
    let server = Server::start().await;
    let transit = Arc::new(server.transit());
    let store = Arc::new(MemoryStore::default());
    let keys = data_keys(transit.clone(), store.clone(), DataKeyLimits::default());
    for number in 0..160 {
        keys.create(KeyScope::Space(number)).await.unwrap();
    }
    let nothing = rewrap(&*transit, &*store, |_| ()).await.unwrap();
    assert_eq!((nothing.rewrapped, nothing.current), (0, 160));

    let operator = server.operator().await;
    operator
        .order("transit/keys/relay-atrest/rotate", json!({}))
        .await;
    let done = rewrap(&*transit, &*store, |_| ()).await.unwrap();
    assert_eq!((done.rewrapped, done.current, done.corrupt.len()), (160, 0, 0));
    assert_eq!(transit.describe().key_version, Some(2));

    let retire = json!({ "min_decryption_version": 2 });
    operator.order("transit/keys/relay-atrest/config", retire).await;
    let other_relay = data_keys(transit, store, DataKeyLimits::default());
    let scopes: Vec<_> = (0..160).map(KeyScope::Space).collect();
    assert!(other_relay.open_many(&scopes).await.values().all(Result::is_ok));
    server.stop().await;
}

#[tokio::test]
async fn a_key_version_that_is_gone_or_retired_is_corrupt_not_an_outage() {
    let server = Server::start().await;
    let transit = server.transit();
    let old = wrap_one(&transit).await.unwrap();
    let operator = server.operator().await;
    operator
        .order("transit/keys/relay-atrest/rotate", json!({}))
        .await;
    operator
        .order(
            "transit/keys/relay-atrest/config",
            json!({ "min_decryption_version": 2 }),
        )
        .await;
    let items = [KeyToUnwrap {
        associated_data: Vec::new(),
        wrapped: &old,
    }];
    let refused = transit.unwrap_batch(&items).await.unwrap().remove(0).err();
    assert!(matches!(refused, Some(KeyWrapError::Corrupt(_))), "{refused:?}");
    server.stop().await;
}
