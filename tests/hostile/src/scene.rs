//! An honest relay behind the hostile one; Alice, who reaches it past that; Bob, whose client is the victim; and Mallory, whose keys
//! the hostile relay has.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::manifest::Fingerprint;
use sealpost_relay::embedded::ObjectStore;
use sealpost_relay::embedded::object_store::{ACCESS_KEY, BUCKET};
use sealpost_relay::entropy::SystemEntropy;
use sealpost_sdk::{
    Client, ClientConfig, ConfirmedContact, Message, Passphrase, PutOptions, Space, SpaceOptions,
};
use sealpost_tests::bare::Person;
use sealpost_tests::database::Database;
use sealpost_tests::interop;
use sealpost_tests::relay::{Relay, RelayOptions};
use sealpost_tests::removal::confirm_card;
use serde_json::json;
use tempfile::TempDir;

use crate::relay::HostileRelay;
use crate::victim::{Device, Failure, Victim, patiently};

/// Everybody's.
const PASSPHRASE: &str = "zwölf Boxkämpfer jagen Viktor";

/// Bob's handle.
pub const BOB: &str = "bob";

/// What Alice has said in every garden.
pub const SAID: [&str; 3] = ["one", "two", "three"];
/// The same where she has said one thing more.
pub const FOUR: [&str; 4] = ["one", "two", "three", "four"];

/// Where it all takes place.
pub struct Scene {
    /// Whose client Bob uses.
    pub victim: Victim,
    /// How many malformed ciphertexts are served.
    pub malformed: usize,
    /// Between Bob and the relay.
    pub relay: HostileRelay,
    /// Between everybody and the storage.
    pub storage: HostileRelay,
    /// Reaches the honest relay.
    pub alice: Client,
    /// Reaches the hostile one, which has her keystore pass.
    pub carol: Client,
    /// An account whose keys the hostile relay has.
    pub mallory: Person,
    /// Bob, whom Alice has confirmed.
    pub bob: ConfirmedContact,
    /// Carol, whom Alice has confirmed.
    pub carols_card: ConfirmedContact,
    template: PathBuf,
    folder: TempDir,
    honest: Relay,
    _objects: ObjectStore,
}

/// A space of Alice's, where Bob is a member. Its log: genesis, rekey, Bob is added, and an event for each of [`SAID`].
pub struct Garden {
    /// Alice's.
    pub alices: Space,
    /// The same.
    pub id: SpaceId,
}

impl Garden {
    /// The place of the last record in the entries.
    pub const ADDED: usize = 2;
    /// That of the first event.
    pub const FIRST: usize = 3;
    /// That of the last event.
    pub const LAST: usize = 5;
    /// How many there are.
    pub const LENGTH: usize = 6;
}

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

impl Scene {
    /// Sets it up.
    ///
    /// # Panics
    /// When a part is missing: `scripts/setup` brings them.
    pub async fn set(victim: Victim, malformed: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (relay, storage) = (HostileRelay::start().await, HostileRelay::start().await);
        let (honest, objects) = honest(&folder.path().join("objects"), &relay, &storage).await;
        let public = honest.addresses().public;
        relay.wrap(public);
        let url = format!("http://{}", relay.address());
        let register = async |name: &str, at: SocketAddr| {
            let mut config = ClientConfig::new(&url, folder.path().join(name)).unwrap();
            config.connect_to = Some(at);
            let (client, _recovery_code) = Client::register(config, name, &passphrase(), None).await.unwrap();
            client
        };
        let alice = register("alice", public).await;
        let carol = register("carol", relay.address()).await;
        let bob = register(BOB, public).await;
        let confirmed = confirm_card(&alice, &bob).await;
        let carols_card = confirm_card(&alice, &carol).await;
        let template = folder.path().join("template");
        match victim {
            Victim::Sdk => {
                // The device that Bob has: he knows Alice.
                confirm_card(&bob, &alice).await;
                drop(bob);
                copy(&folder.path().join(BOB), &template);
            }
            Victim::Interop => {
                let home = interop::Home::new();
                let client = interop::Client::log_in(&home, &url, BOB, PASSPHRASE).await;
                client.kill_9().await;
                copy(Path::new(home.path()), &template);
            }
        }
        Self {
            victim,
            malformed,
            mallory: Person::register(public, "mallory").await,
            relay,
            storage,
            alice,
            carol,
            bob: confirmed,
            carols_card,
            template,
            folder,
            honest,
            _objects: objects,
        }
    }

    /// A garden of its own.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn garden(&self) -> Garden {
        let options = SpaceOptions::default();
        let alices = self.alice.create_space("garden", options).await.unwrap();
        alices.add_member(&self.bob, Capabilities::WRITE).await.unwrap();
        for text in SAID {
            alices.send(Message::text(text)).await.unwrap();
        }
        Garden {
            id: alices.id(),
            alices,
        }
    }

    /// A garden where Mallory is a member, too: the record that adds her stands behind the last event.
    ///
    /// # Panics
    /// When she is not found, or not taken.
    pub async fn garden_with_mallory(&self) -> Garden {
        let garden = self.garden().await;
        let (contacts, handle) = (self.alice.contacts(), self.mallory.handle());
        contacts.look_up(handle).await.unwrap();
        let fingerprint = Fingerprint::of(&self.mallory.id()).to_string();
        let confirmed = contacts.confirm(handle, &fingerprint).await.unwrap();
        let adding = garden.alices.add_member(&confirmed, Capabilities::WRITE);
        adding.await.unwrap();
        garden
    }

    /// A device of Bob's that has logged in and read nothing.
    ///
    /// # Panics
    /// When its folder cannot be copied.
    pub async fn device(&self) -> Device {
        match self.victim {
            Victim::Sdk => {
                let home = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
                let home = home.join("home");
                copy(&self.template, &home);
                Device::of_sdk(self.config(home)).await
            }
            Victim::Interop => {
                let home = interop::Home::new();
                copy(&self.template, Path::new(home.path()));
                Device::of_interop(home).await
            }
        }
    }

    /// The configuration of a device behind the hostile relay.
    ///
    /// # Panics
    /// Never: an address makes a URL.
    #[must_use]
    pub fn config(&self, home: PathBuf) -> ClientConfig {
        ClientConfig::new(&format!("http://{}", self.relay.address()), home).unwrap()
    }

    /// Bob's folder, for a device that does not exist yet.
    ///
    /// # Panics
    /// When there is no room for it.
    #[must_use]
    pub fn new_home(&self) -> PathBuf {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        folder.join("home")
    }

    /// Logs a new device of Bob's in.
    ///
    /// # Errors
    /// What his client says.
    pub async fn log_in(&self) -> Result<(), Failure> {
        match self.victim {
            Victim::Sdk => {
                let config = self.config(self.new_home());
                let passphrase = passphrase();
                let login = Client::login(config, BOB, &passphrase);
                patiently(login).await.map(drop)
            }
            Victim::Interop => {
                let (home, mut client) = (interop::Home::new(), interop::Client::start());
                let url = format!("http://{}", self.relay.address());
                let login = json!({
                    "do": "login", "url": url, "home": home.path(), "handle": BOB, "passphrase": PASSPHRASE
                });
                client.attempt(login).await.map(drop).map_err(Failure::from)
            }
        }
    }

    /// Logs the device of this folder in again.
    ///
    /// # Errors
    /// What the SDK says.
    pub async fn log_in_again(&self, home: PathBuf) -> Result<Client, Failure> {
        let passphrase = passphrase();
        patiently(Client::login(self.config(home), BOB, &passphrase)).await
    }

    /// A copy of the folder of the device that Bob has.
    ///
    /// # Panics
    /// When it cannot be copied.
    #[must_use]
    pub fn copied_home(&self) -> PathBuf {
        let home = self.new_home();
        copy(&self.template, &home);
        home
    }

    /// Alice puts a file.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn put(&self, garden: &Garden, name: &str, bytes: &[u8]) {
        let options = PutOptions {
            name: name.to_owned(),
            ..PutOptions::default()
        };
        garden.alices.put_blob(bytes, options).await.unwrap();
    }

    /// Ends it.
    pub async fn end(self) {
        drop((self.alice, self.carol));
        self.honest.stop().await;
    }
}

async fn honest(folder: &Path, relay: &HostileRelay, storage: &HostileRelay) -> (Relay, ObjectStore) {
    let any = "127.0.0.1:0".parse().unwrap();
    let objects = ObjectStore::start(folder, any, &SystemEntropy).await.unwrap();
    let endpoint = objects.endpoint();
    storage.wrap(endpoint.strip_prefix("http://").unwrap().parse().unwrap());
    let secret_key = fs::read_to_string(objects.secret_key_file()).unwrap();
    let options = RelayOptions::on(&Database::create().await)
        .behind(relay.address())
        .with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
        .with("SEALPOST__BLOBS__ENDPOINT", &endpoint)
        .with(
            "SEALPOST__BLOBS__PUBLIC_ENDPOINT",
            &format!("http://{}", storage.address()),
        )
        .with("SEALPOST__BLOBS__REGION", "us-east-1")
        .with("SEALPOST__BLOBS__BUCKET", BUCKET)
        .with("SEALPOST__BLOBS__ACCESS_KEY", ACCESS_KEY)
        .with("SEALPOST__BLOBS__SECRET_KEY", &secret_key);
    let options = options.with("SEALPOST__LIMITS__SIGNALS_PER_SECOND_PER_ACCOUNT", "1000000");
    // One machine logs in here as often as a hundred people would.
    let rates = [
        "LOGINS_PER_ADDRESS",
        "LOGINS_PER_CREDENTIAL_AND_ADDRESS",
        "LOGINS_PER_CREDENTIAL",
    ];
    let options = rates.iter().fold(options, |options, rate| {
        options
            .with(&format!("SEALPOST__LIMITS__{rate}__TIMES"), "1000000")
            .with(&format!("SEALPOST__LIMITS__{rate}__PERIOD_SECONDS"), "1")
    });
    (Relay::start(options).await, objects)
}

/// Copies a folder that nobody uses, with who may read what.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, target).unwrap()),
        }
    }
}
