//! Accounts at a real relay, by the SDK.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

#[path = "accounts/agents.rs"]
mod agents;
#[path = "accounts/approvals.rs"]
mod approvals;
#[path = "accounts/deleted.rs"]
mod deleted;
#[path = "accounts/killed.rs"]
mod killed;

use sealpost_protocol::{code::ErrorCode, http::SecretToken};
use sealpost_relay::directory::TokenRequest;
use sealpost_sdk::{Client, ClientConfig, Error, Passphrase, Proof, RecoveryCode};
use sealpost_tests::{
    canary::{Canary, search},
    database::Database,
    proxy::{FaultProxy, Upstream},
    relay::{ChildRelay, Relay, RelayOptions},
};
use tempfile::TempDir;

const PASSPHRASE: &str = "a passphrase of five plain words";

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

fn open_to_all(database: &Database) -> RelayOptions {
    RelayOptions::on(database).with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
}

/// A relay that can be killed, and a proxy that keeps its name.
async fn child_relay(database: &Database) -> (ChildRelay, FaultProxy) {
    let proxy = FaultProxy::start().await;
    let relay = ChildRelay::start(open_to_all(database).behind(proxy.address())).await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    (relay, proxy)
}

/// Devices, each in a folder of its own.
struct Devices {
    homes: TempDir,
    relay_url: String,
}

impl Devices {
    fn at(relay_url: String) -> Self {
        Self {
            homes: tempfile::tempdir().unwrap(),
            relay_url,
        }
    }

    fn new_home(&self) -> ClientConfig {
        let number = std::fs::read_dir(self.homes.path()).unwrap().count();
        let home = self.homes.path().join(number.to_string());
        std::fs::create_dir(&home).unwrap();
        ClientConfig::new(&self.relay_url, home.join("home")).unwrap()
    }

    async fn register(
        &self,
        handle: &str,
        token: Option<SecretToken>,
    ) -> Result<(Client, RecoveryCode), Error> {
        Client::register(self.new_home(), handle, &passphrase(PASSPHRASE), token).await
    }

    async fn log_in(&self, handle: &str, text: &str) -> Result<Client, Error> {
        Client::login(self.new_home(), handle, &passphrase(text)).await
    }

    async fn recover(&self, code: &RecoveryCode) -> Result<Client, Error> {
        Client::login_with_recovery_code(self.new_home(), code).await
    }
}

#[track_caller]
fn expect_refused<T>(result: Result<T, Error>, code: ErrorCode) {
    assert_eq!(result.err().and_then(|error| error.code()), Some(code));
}

#[track_caller]
fn expect_not_authenticated<T>(result: Result<T, Error>) {
    assert!(matches!(result.err(), Some(Error::NotAuthenticated(_))));
}

#[tokio::test]
async fn account_needs_a_token_and_opens_on_every_device() {
    let relay = Relay::start(RelayOptions::on(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    expect_refused(
        devices.register("alice", None).await,
        ErrorCode::RegistrationClosed,
    );
    let request = TokenRequest {
        uses: 1,
        lifetime: None,
        note: None,
    };
    let token = relay
        .parts()
        .directory
        .create_token(&request)
        .await
        .unwrap()
        .token;
    let again = SecretToken::parse(&token.expose_text()).unwrap();
    let (alice, code) = devices.register("alice", Some(token)).await.unwrap();
    let second = devices.register("bob", Some(again)).await;
    expect_refused(second, ErrorCode::RegistrationTokenInvalid);
    for device in [
        devices.log_in("alice", PASSPHRASE).await,
        devices.recover(&code).await,
    ] {
        assert_eq!(device.unwrap().account(), alice.account());
    }
    alice.account_at_relay().await.unwrap();
    relay.stop().await;
}

#[tokio::test]
async fn wrong_passphrase_and_unknown_handle_get_one_answer() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    devices.register("alice", None).await.unwrap();
    expect_refused(devices.register("alice", None).await, ErrorCode::HandleTaken);
    for handle in ["alice", "nobody"] {
        expect_not_authenticated(devices.log_in(handle, "a wrong passphrase").await);
    }
}

#[tokio::test]
async fn changed_passphrase_and_new_code_replace_the_old_ones() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    let (alice, old_code) = devices.register("alice", None).await.unwrap();
    let (old, new) = (passphrase(PASSPHRASE), passphrase("another passphrase"));
    alice.change_passphrase(&old, &new).await.unwrap();
    let new_code = alice.new_recovery_code(&new).await.unwrap();
    expect_not_authenticated(devices.log_in("alice", PASSPHRASE).await);
    expect_not_authenticated(devices.recover(&old_code).await);
    let by_passphrase = devices.log_in("alice", "another passphrase").await.unwrap();
    let by_code = devices.recover(&new_code).await.unwrap();
    assert_eq!(by_passphrase.account(), alice.account());
    assert_eq!(by_code.account(), alice.account());
    assert_eq!(alice.devices().await.unwrap().len(), 3);
    alice.refresh_keystore().await.unwrap();
}

#[tokio::test]
async fn contact_is_looked_up_confirmed_and_known_on_a_new_device() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    let (alice, _) = devices.register("alice", None).await.unwrap();
    let (bob, _) = devices.register("bob", None).await.unwrap();
    let candidate = alice.contacts().look_up("bob").await.unwrap();
    assert_eq!(candidate.principal_id, bob.account().principal_id);
    let fingerprint = bob.fingerprint().to_string();
    alice.contacts().confirm("bob", &fingerprint).await.unwrap();
    let device = devices.log_in("alice", PASSPHRASE).await.unwrap();
    let confirmed = device.contacts().confirmed("bob").await.unwrap();
    assert_eq!(confirmed.manifest(), &bob.account().manifest);
    expect_refused(alice.contacts().look_up("carol").await, ErrorCode::NotFound);
}

#[tokio::test]
async fn ended_session_is_not_authenticated_any_more() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    let (alice, _) = devices.register("alice", None).await.unwrap();
    let lost = devices.log_in("alice", PASSPHRASE).await.unwrap();
    let sessions = alice.devices().await.unwrap();
    let other = sessions.iter().find(|device| !device.current).unwrap();
    let secret = passphrase(PASSPHRASE);
    alice
        .revoke_device(&other.session_id, Proof::Passphrase(&secret))
        .await
        .unwrap();
    expect_not_authenticated(lost.devices().await);
    expect_not_authenticated(lost.refresh_keystore().await);
    alice.logout().await.unwrap();
}

#[tokio::test]
async fn what_opens_an_account_is_in_no_row_and_no_log() {
    let database = Database::create().await;
    let (relay, proxy) = child_relay(&database).await;
    let devices = Devices::at(format!("http://{}", proxy.address()));
    let (alice, code) = devices.register("alice-with-a-long-handle", None).await.unwrap();
    let new = passphrase("another passphrase");
    alice
        .change_passphrase(&passphrase(PASSPHRASE), &new)
        .await
        .unwrap();
    devices.recover(&code).await.unwrap();
    let canaries = [
        Canary::new("passphrase", PASSPHRASE.as_bytes()),
        Canary::new("new passphrase", b"another passphrase"),
        Canary::new("recovery code", code.expose_text().as_bytes()),
        Canary::new("handle", b"alice-with-a-long-handle"),
    ];
    assert_eq!(search(&database.dump(), &canaries), []);
    relay.terminate();
    let (_, log) = relay.ended().await;
    assert_eq!(search(&log, &canaries), []);
}
