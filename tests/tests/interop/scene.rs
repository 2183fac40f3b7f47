//! Alice, who uses the SDK, and Bob, whose account the SDK made and who uses the other client.

use std::net::SocketAddr;

use futures_util::StreamExt;
use sealpost_protocol::chain::Capabilities;
use sealpost_sdk::{
    Client as SdkClient, ClientConfig, Message, Passphrase, Position, RecoveryCode, Space, SpaceOptions,
};
use sealpost_tests::relay::RelayOptions;
use sealpost_tests::removal::confirm_card;
use tempfile::TempDir;

use sealpost_tests::interop::{Client, Home};

pub const PASSPHRASE: &str = "zwölf Boxkämpfer jagen Viktor";

/// A relay that takes anybody in.
pub fn open_to_all(options: RelayOptions) -> RelayOptions {
    options.with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
}

/// Both, in a space of Alice's.
pub struct Scene {
    pub url: String,
    pub alice: SdkClient,
    pub garden: Space,
    pub bob: SdkClient,
    pub bobs_code: RecoveryCode,
    _homes: TempDir,
}

impl Scene {
    /// Alice reaches the relay at its own address, whatever its clients call it.
    pub async fn set(url: String, relay: SocketAddr) -> Self {
        let homes = tempfile::tempdir().unwrap();
        let config = |name: &str| {
            let mut config = ClientConfig::new(&url, homes.path().join(name)).unwrap();
            config.connect_to = Some(relay);
            config
        };
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let (alice, _) = SdkClient::register(config("alice"), "alice", &passphrase, None)
            .await
            .unwrap();
        let (bob, bobs_code) = SdkClient::register(config("bob"), "bob", &passphrase, None)
            .await
            .unwrap();
        let garden = alice
            .create_space("garden", SpaceOptions::default())
            .await
            .unwrap();
        Self {
            url,
            alice,
            garden,
            bob,
            bobs_code,
            _homes: homes,
        }
    }

    /// A relay, Alice and Bob as in `set`, and Bob is a member.
    pub async fn shared(url: String, relay: SocketAddr) -> Self {
        let scene = Self::set(url, relay).await;
        scene.add_bob().await;
        scene
    }

    /// By his card, after comparing the fingerprint.
    pub async fn add_bob(&self) {
        let confirmed = confirm_card(&self.alice, &self.bob).await;
        self.garden
            .add_member(&confirmed, Capabilities::WRITE)
            .await
            .unwrap();
    }

    /// The space's id, as the other client is told.
    pub fn space(&self) -> String {
        self.garden.id().to_string()
    }

    /// Bob's other client on a new device.
    pub async fn bobs_client(&self) -> (Client, Home) {
        let home = Home::new();
        let client = Client::log_in(&home, &self.url, "bob", PASSPHRASE).await;
        (client, home)
    }

    /// Alice sends these, each in an event of its own.
    pub async fn alice_says(&self, texts: &[&str]) {
        for text in texts {
            self.garden.send(Message::text(*text)).await.unwrap();
        }
    }

    /// The first `count` messages, as Alice reads them.
    pub async fn alice_reads(&self, count: usize) -> Vec<String> {
        let mut messages = self.garden.subscribe(Position::START);
        let mut texts = Vec::with_capacity(count);
        for _ in 0..count {
            let message = messages.next().await.unwrap().unwrap();
            texts.push(String::from_utf8(message.body.to_vec()).unwrap());
        }
        texts
    }
}
