use std::{net::IpAddr, sync::Arc};

use tempfile::TempDir;

use super::{TestClock, TestDatabase};
use crate::{
    atrest::{DataKeyLimits, DataKeyParts, DataKeys, KeyFile, KeyWrapper},
    directory::{Directory, DirectoryParts, DirectorySettings, TokenRequest},
    entropy::SystemEntropy,
    store::Store,
};
use sealpost_protocol::http::SecretToken;

/// The relay's origin in tests.
pub const ORIGIN: &str = "https://relay.example.org";
/// Where test clients call from.
pub const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// A directory on a real database, with a key file and a clock that the test moves.
pub struct TestDirectory {
    pub directory: Arc<Directory>,
    pub clock: Arc<TestClock>,
    pub database: TestDatabase,
    pub store: Store,
    key_folder: TempDir,
}

impl TestDirectory {
    /// With settings as they come.
    pub async fn new() -> Self {
        Self::with(DirectorySettings::new(ORIGIN)).await
    }

    /// With other settings.
    pub async fn with(settings: DirectorySettings) -> Self {
        let database = TestDatabase::migrated().await;
        let (key_folder, clock) = (TempDir::new().unwrap(), Arc::new(TestClock::new()));
        let store = database.store().await;
        let directory = directory(&store, &clock, &key_folder, settings);
        Self {
            directory,
            clock,
            database,
            store,
            key_folder,
        }
    }

    /// A second relay process on the same database and key.
    pub async fn second(&self) -> Arc<Directory> {
        let store = self.database.store().await;
        directory(
            &store,
            &self.clock,
            &self.key_folder,
            self.directory.settings().clone(),
        )
    }

    /// A token for one registration.
    pub async fn token(&self) -> SecretToken {
        let request = TokenRequest {
            uses: 1,
            lifetime: None,
            note: None,
        };
        self.directory.create_token(&request).await.unwrap().token
    }
}

fn directory(
    store: &Store,
    clock: &Arc<TestClock>,
    key_folder: &TempDir,
    settings: DirectorySettings,
) -> Arc<Directory> {
    let entropy = Arc::new(SystemEntropy);
    let key_file = KeyFile::open_or_create(&key_folder.path().join("key"), entropy.clone()).unwrap();
    let wrapper: Arc<dyn KeyWrapper> = Arc::new(key_file);
    let keys = DataKeyParts {
        wrapper,
        store: Arc::new(store.clone()),
        entropy: entropy.clone(),
    };
    let parts = DirectoryParts {
        store: Arc::new(store.clone()),
        keys: DataKeys::new(keys, DataKeyLimits::default()),
        clock: clock.clone(),
        entropy,
    };
    Arc::new(Directory::new(parts, settings))
}
