//! The account half against a relay in this process that keeps the rules, until a test has it break one.

mod agents;
mod approval;
mod crash;
mod device_secret;
mod export;
mod hostile;
mod life;
mod people;
mod relay;
mod spaces;
mod start_over;

use sealpost_protocol::http::SecretToken;

use crate::client::Client;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::keystore::RecoveryCode;
use crate::secret::Passphrase;
use relay::TestRelay;

const PASSPHRASE: &str = "correct horse battery";

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

/// A folder for a device, and how it reaches the relay.
struct Home {
    config: ClientConfig,
}

impl Home {
    fn new(relay: &TestRelay) -> Self {
        let config = ClientConfig::new(&relay.url(), relay.new_home()).unwrap();
        Self { config }
    }

    fn config(&self) -> ClientConfig {
        self.config.clone()
    }

    async fn register(&self, handle: &str) -> (Client, RecoveryCode) {
        Client::register(self.config(), handle, &passphrase(PASSPHRASE), None)
            .await
            .unwrap()
    }

    async fn log_in(&self, handle: &str, text: &str) -> Result<Client, Error> {
        Client::login(self.config(), handle, &passphrase(text)).await
    }

    async fn recover(&self, code: &RecoveryCode) -> Result<Client, Error> {
        Client::login_with_recovery_code(self.config(), code).await
    }
}

#[track_caller]
fn expect_alarm<T>(result: Result<T, Error>, part: &str) {
    match result.err() {
        Some(Error::Integrity(alarm)) => assert!(alarm.what.contains(part), "{alarm}"),
        other => panic!("expected an alarm about {part:?}, got {other:?}"),
    }
}

#[track_caller]
fn expect_not_authenticated<T>(result: Result<T, Error>) {
    let error = result.err();
    assert!(matches!(error, Some(Error::NotAuthenticated(_))), "{error:?}");
}

#[track_caller]
fn expect_not_logged_in<T>(result: Result<T, Error>) {
    let error = result.err();
    assert!(matches!(error, Some(Error::NotLoggedIn(_))), "{error:?}");
}

fn token(byte: u8) -> SecretToken {
    SecretToken::new(zeroize::Zeroizing::new([byte; 32]))
}
