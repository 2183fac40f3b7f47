//! Two relays on one database, and who is there.

use std::net::SocketAddr;

use sealpost_sdk::{Client, ClientConfig, ConfirmedContact, Passphrase};
use tempfile::TempDir;
use toml::toml;

use crate::{
    bare::{ORIGIN, Person},
    database::Database,
    proxy::{FaultProxy, Upstream},
    relay::{ChildRelay, RelayOptions},
};

/// Two relays, and a network before the second one that can fall silent.
pub(super) struct Scene {
    relays: [ChildRelay; 2],
    pub(super) network: FaultProxy,
    homes: TempDir,
    _keys: TempDir,
    _database: Database,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let (database, keys) = (Database::create().await, tempfile::tempdir().unwrap());
        let relays = [
            ChildRelay::start(options(&database, &keys)).await,
            ChildRelay::start(options(&database, &keys)).await,
        ];
        let network = FaultProxy::start().await;
        network.lead_to(Upstream::Tcp(relays[1].addresses().public));
        Self {
            relays,
            network,
            homes: tempfile::tempdir().unwrap(),
            _keys: keys,
            _database: database,
        }
    }

    /// Where both relays listen.
    pub(super) fn relays(&self) -> [SocketAddr; 2] {
        [0, 1].map(|number| self.relays[number].addresses().public)
    }

    /// Somebody with the SDK, who registers.
    pub(super) async fn register(&self, handle: &str, at: SocketAddr) -> Client {
        let registered = Client::register(self.config(handle, at), handle, &passphrase(), None).await;
        registered.unwrap().0
    }

    /// Another device of theirs.
    pub(super) async fn another_device(&self, handle: &str, at: SocketAddr) -> Client {
        let config = self.config(&format!("{handle}-2"), at);
        Client::login(config, handle, &passphrase()).await.unwrap()
    }

    /// A device as a process that has just started.
    pub(super) async fn restarted(&self, home: &str, at: SocketAddr) -> Client {
        Client::open(self.config(home, at)).await.unwrap()
    }

    fn config(&self, home: &str, at: SocketAddr) -> ClientConfig {
        let mut config = ClientConfig::new(ORIGIN, self.homes.path().join(home)).unwrap();
        config.connect_to = Some(at);
        config
    }
}

/// Who has a handle at the relay and the fingerprint that they read out.
pub(super) async fn confirm(client: &Client, person: &Person) -> ConfirmedContact {
    let contacts = client.contacts();
    let found = contacts.look_up(person.handle()).await.unwrap();
    let read_out = found.fingerprint().to_string();
    assert_eq!(found.principal_id, person.id());
    contacts.confirm(person.handle(), &read_out).await.unwrap()
}

/// Takes in somebody's card and compares the fingerprint.
///
/// # Panics
/// When it is not taken in.
pub async fn confirm_card(client: &Client, newcomer: &Client) -> ConfirmedContact {
    let contacts = client.contacts();
    let contact = contacts.import(&newcomer.contact_card()).await.unwrap();
    let read_out = newcomer.fingerprint().to_string();
    contacts.confirm(&contact.handle, &read_out).await.unwrap()
}

fn passphrase() -> Passphrase {
    Passphrase::new("a passphrase of five plain words".to_owned())
}

fn options(database: &Database, keys: &TempDir) -> RelayOptions {
    let path = keys.path().join("kms.key");
    let path = path.to_str().unwrap();
    let kms = toml! {
        kind = "file"
        file.path = path
    };
    RelayOptions::on(database)
        .with_kms(kms)
        .with("SEALPOST__SERVER__PUBLIC_URL", ORIGIN)
        .with("SEALPOST__TELEMETRY__FILTER", "info")
        .with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
        .with("SEALPOST__BUS__KIND", "postgres")
}
