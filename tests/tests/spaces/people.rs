//! Alice, Bob and their devices.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use sealpost_protocol::chain::Capabilities;
use sealpost_sdk::space::Messages;
use sealpost_sdk::{Client, ClientConfig, Passphrase, Position, Space, SpaceOptions};
use sealpost_tests::relay::RelayOptions;
use tempfile::TempDir;

/// A relay that takes anybody in.
pub fn open_to_all(options: RelayOptions) -> RelayOptions {
    options.with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
}

/// How a device reaches the relay.
#[derive(Clone)]
pub struct Way {
    /// How the relay is called.
    pub url: String,
    /// Where it is dialled instead, if not there.
    pub connect_to: Option<SocketAddr>,
}

impl Way {
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connect_to: None,
        }
    }
}

/// Someone with devices.
pub struct Person {
    handle: &'static str,
    homes: TempDir,
    /// How the devices reach the relay.
    pub way: Way,
}

pub fn passphrase() -> Passphrase {
    Passphrase::new("a passphrase of five plain words".to_owned())
}

impl Person {
    /// Registers at the relay; the first device comes with it.
    pub async fn register(handle: &'static str, way: &Way) -> (Self, Client) {
        let person = Self {
            handle,
            homes: tempfile::tempdir().unwrap(),
            way: way.clone(),
        };
        let (client, _recovery_code) = Client::register(person.config("first"), handle, &passphrase(), None)
            .await
            .unwrap();
        (person, client)
    }

    /// A device that knows nothing but handle and passphrase.
    pub async fn new_device(&self, name: &str) -> Client {
        Client::login(self.config(name), self.handle, &passphrase())
            .await
            .unwrap()
    }

    /// The first device again, as a process that has just started.
    pub async fn restarted(&self) -> Client {
        self.restarted_with(|_| ()).await
    }

    /// The same, configured otherwise.
    pub async fn restarted_with(&self, configure: impl FnOnce(&mut ClientConfig)) -> Client {
        let mut config = self.config("first");
        configure(&mut config);
        Client::open(config).await.unwrap()
    }

    pub fn home(&self, name: &str) -> PathBuf {
        self.homes.path().join(name)
    }

    fn config(&self, name: &str) -> ClientConfig {
        let mut config = ClientConfig::new(&self.way.url, self.home(name)).unwrap();
        config.connect_to = self.way.connect_to;
        config
    }
}

/// Alice and Bob, who have confirmed each other, in a space of Alice's.
pub struct Pair {
    pub alice: Person,
    pub bob: Person,
    pub alices: Space,
    pub bobs: Space,
    pub alices_client: Client,
    pub bobs_client: Client,
}

impl Pair {
    pub async fn meet(way: &Way) -> Self {
        Self::meet_in([way, way], SpaceOptions::default()).await
    }

    /// Alice comes one way, Bob another.
    pub async fn meet_in(ways: [&Way; 2], options: SpaceOptions) -> Self {
        Self::of(["alice", "bob"], ways, options).await
    }

    /// The same under other handles.
    pub async fn of(handles: [&'static str; 2], ways: [&Way; 2], options: SpaceOptions) -> Self {
        let (alice, alices_client) = Person::register(handles[0], ways[0]).await;
        let (bob, bobs_client) = Person::register(handles[1], ways[1]).await;
        let alices = alices_client.create_space("garden", options).await.unwrap();
        add(&alices, &alices_client, &bobs_client).await;
        let bobs = bobs_client.space(alices.id()).await.unwrap();
        Self {
            alice,
            bob,
            alices,
            bobs,
            alices_client,
            bobs_client,
        }
    }
}

pub use sealpost_tests::removal::confirm_card as confirm;

/// Adds somebody who was confirmed.
pub async fn add(space: &Space, manager: &Client, newcomer: &Client) {
    let confirmed = confirm(manager, newcomer).await;
    space.add_member(&confirmed, Capabilities::WRITE).await.unwrap();
}

/// The next `count` messages as text.
pub async fn read(messages: &mut Messages, count: usize) -> Vec<String> {
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        let message = messages.next().await.unwrap().unwrap();
        texts.push(String::from_utf8(message.body.to_vec()).unwrap());
    }
    texts
}

/// The first `count` messages of a space, by a stream of its own.
pub async fn read_from_start(space: &Space, count: usize) -> Vec<String> {
    read(&mut space.subscribe(Position::START), count).await
}

/// Takes a device's files away.
pub fn lose(home: &Path) {
    std::fs::remove_dir_all(home).unwrap();
}
