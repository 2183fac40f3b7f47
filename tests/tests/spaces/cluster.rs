//! Several relays on one database.

use sealpost_tests::{
    database::Database,
    proxy::FaultProxy,
    relay::{ChildRelay, Relay, RelayOptions},
};
use tempfile::TempDir;
use toml::toml;

use crate::people::{Way, open_to_all};

/// Options for relays that share one database, one key and one name.
pub struct Cluster {
    pub database: Database,
    /// What clients dial, and lead to one of them.
    pub name: FaultProxy,
    keys: TempDir,
}

impl Cluster {
    pub async fn new() -> Self {
        let name = FaultProxy::start().await;
        let (database, keys) = (Database::create().await, tempfile::tempdir().unwrap());
        Self { database, keys, name }
    }

    pub async fn relay(&self) -> Relay {
        Relay::start(self.options()).await
    }

    /// One as a process of its own.
    pub async fn child(&self) -> ChildRelay {
        ChildRelay::start(self.options()).await
    }

    /// The name, wherever it leads.
    pub fn any(&self) -> Way {
        Way::to(format!("http://{}", self.name.address()))
    }

    /// The same name, but always to this relay.
    pub fn way(&self, relay: &Relay) -> Way {
        Way {
            connect_to: Some(relay.addresses().public),
            ..self.any()
        }
    }

    fn options(&self) -> RelayOptions {
        let path = self.keys.path().join("kms.key");
        let path = path.to_str().unwrap();
        let section = toml! {
            kind = "file"
            file.path = path
        };
        let options = RelayOptions::on(&self.database).with_kms(section);
        open_to_all(options)
            .behind(self.name.address())
            .with("SEALPOST__SOCKETS__RECONNECT_SPREAD_MS", "200")
    }
}
