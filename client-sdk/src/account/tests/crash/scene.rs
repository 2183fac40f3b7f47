//! An account that is struck again and again, and looked at from all sides after each time.

use std::sync::Mutex;

use super::change::{Outcome, Secrets};
use super::*;
use crate::keystore::{Content, DeviceSecret};
use crate::secret::SecretBytes;

pub(super) struct Scene {
    relay: TestRelay,
    home: Home,
    secrets: Secrets,
    /// Rises with every change.
    number: u8,
}

/// What a change was to do.
struct Attempt {
    before: SecretBytes,
    /// What it shows is noted here before the switch: the owner has nothing else.
    after: Mutex<Outcome>,
    /// Every keystore that the relay kept before.
    kept: Vec<Vec<u8>>,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let relay = TestRelay::start().await;
        let home = Home::new(&relay);
        let (_, code) = home.register("alice").await;
        let secrets = Secrets {
            passphrase: PASSPHRASE.to_owned(),
            device: None,
            code: code.expose_text().to_string(),
        };
        Self {
            relay,
            home,
            secrets,
            number: 0,
        }
    }

    /// Makes a change with nothing broken and counts what it asks the relay for.
    pub(super) async fn count_steps(&mut self, change: Change) -> usize {
        let client = self.restarted().await;
        let attempt = self.begin(change, &client).await;
        self.relay.misbehave(Faults::default());
        let making = Box::pin(change.make(&client, &self.secrets, &attempt.after, self.number));
        making.await.unwrap();
        let steps = self.relay.state().asked.len();
        assert!(Box::pin(self.settle(&attempt)).await, "{change:?}");
        steps
    }

    /// Makes a change that something breaks, and looks at what is left.
    pub(super) async fn strike(&mut self, change: Change, strike: Strike) {
        let client = self.restarted().await;
        let attempt = self.begin(change, &client).await;
        let making = Box::pin(change.make(&client, &self.secrets, &attempt.after, self.number));
        let reported = self.relay.strike(strike, making).await;
        drop(client);
        let is_made = Box::pin(self.settle(&attempt)).await;
        assert!(
            is_made || !matches!(reported, Some(Ok(()))),
            "{change:?} was reported but not made, {strike:?}"
        );
        if let (true, Some(Err(error))) = (is_made, &reported) {
            assert!(
                error.leaves_open(),
                "{change:?} was made but refused, {strike:?}: {error}"
            );
        }
        self.go_on().await;
    }

    /// The device finds the change, or has to log in again where all sessions were ended.
    async fn go_on(&self) {
        let refreshed = self.restarted().await.refresh_keystore().await;
        if let Err(Error::NotAuthenticated(_)) = refreshed {
            let (words, secret) = (self.secrets.passphrase(), self.secrets.device());
            Client::login_with_device_secret(self.home.config(), "alice", &words, secret.as_ref())
                .await
                .unwrap();
            return;
        }
        refreshed.unwrap();
    }

    /// The device as a process that has just started.
    async fn restarted(&self) -> Client {
        Client::open(self.home.config()).await.unwrap()
    }

    async fn begin(&mut self, change: Change, client: &Client) -> Attempt {
        self.number += 1;
        change.prepare(client, self.number).await;
        let before = content_of(client).await;
        let mut content = Content::decode(&before).unwrap();
        let secrets = change.secrets_after(&self.secrets, self.number);
        change.change_content(&mut content, &secrets, self.number);
        let content = content.encode();
        Attempt {
            after: Mutex::new(Outcome { secrets, content }),
            before,
            kept: self.relay.state().accounts[0].keystores.clone(),
        }
    }

    /// Opens the account in every way. Says whether the change was made; it was made wholly or not at all.
    async fn settle(&mut self, attempt: &Attempt) -> bool {
        let old = self.secrets.clone();
        let Outcome {
            secrets: new,
            content,
        } = &attempt.after.lock().unwrap().clone();
        let by_passphrase = self
            .exactly_one(Way::of_passphrase(&old), Way::of_passphrase(new))
            .await;
        let by_code = self
            .exactly_one(Way::Code(old.code.clone()), Way::Code(new.code.clone()))
            .await;
        if let Way::Passphrase(passphrase, device) = by_passphrase.way {
            (self.secrets.passphrase, self.secrets.device) = (passphrase, device);
        }
        if let Way::Code(code) = by_code.way {
            self.secrets.code = code;
        }
        assert!(self.secrets == old || self.secrets == *new);
        assert_eq!(by_passphrase.content, by_code.content);
        assert!([&attempt.before, content].contains(&&by_code.content));
        let kept = self.relay.state().accounts[0].keystores.clone();
        assert!(kept.starts_with(&attempt.kept), "a version was lost");
        let changes_content = attempt.before != *content;
        if changes_content {
            by_code.content == *content
        } else {
            self.secrets == *new
        }
    }

    async fn exactly_one(&self, old: Way, new: Way) -> Opened {
        let by_old = self.try_way(old.clone()).await;
        if old == new {
            return by_old.expect("a secret that no change touches opens");
        }
        let by_new = self.try_way(new.clone()).await;
        assert_ne!(by_old.is_some(), by_new.is_some());
        by_old.or(by_new).unwrap()
    }

    async fn try_way(&self, way: Way) -> Option<Opened> {
        let device = Home::new(&self.relay);
        let client = match &way {
            Way::Passphrase(text, secret) => {
                let secret = secret.as_deref().map(|text| DeviceSecret::parse(text).unwrap());
                let (config, text) = (device.config(), passphrase(text));
                Client::login_with_device_secret(config, "alice", &text, secret.as_ref()).await
            }
            Way::Code(text) => device.recover(&RecoveryCode::parse(text).unwrap()).await,
        };
        let client = match client {
            Ok(client) => client,
            Err(Error::NotAuthenticated(_)) => return None,
            Err(error) => panic!("{error}"),
        };
        let content = content_of(&client).await;
        Some(Opened { way, content })
    }
}

/// A way to open the account.
#[derive(Clone, PartialEq, Eq)]
enum Way {
    /// With the device secret, if there is one.
    Passphrase(String, Option<String>),
    Code(String),
}

impl Way {
    fn of_passphrase(secrets: &Secrets) -> Self {
        Self::Passphrase(secrets.passphrase.clone(), secrets.device.clone())
    }
}

/// What a new device found.
struct Opened {
    way: Way,
    content: SecretBytes,
}

async fn content_of(client: &Client) -> SecretBytes {
    client.shared().local_account().await.unwrap().content.encode()
}
