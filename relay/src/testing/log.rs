use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use sealpost_protocol::ids::{AccountId, Incarnation};
use tempfile::TempDir;

use super::{TestClock, TestDatabase};
use crate::atrest::{DataKeyLimits, DataKeyParts, DataKeys, KeyFile, KeyWrapper, RowSealer};
use crate::bus::{Bus, LocalHub, postgres::PostgresBus};
use crate::entropy::SystemEntropy;
use crate::log::tests::actors::Actor;
use crate::log::{IgnoreLog, LogLimits, LogParts, LogService};
use crate::shred_folder::ShredFolder;
use crate::store::Store;

/// Makes the accounts of everybody who speaks in these tests.
static ACCOUNTS: LazyLock<String> = LazyLock::new(|| {
    let actors = (1..=u8::MAX).map(|seed| Actor::new(seed).account());
    let plain = (1..=u8::MAX).map(|seed| AccountId::new([seed; 16]));
    let ids: Vec<_> = actors.chain(plain).map(|id| format!("'{id}'")).collect();
    format!(
        "WITH ids AS (SELECT decode(hex, 'hex') AS id FROM unnest(ARRAY[{}]) AS hex),
              made AS (INSERT INTO accounts SELECT id, id || id, '', 1, '', id || id, '', id || id, 1, 'active', now() FROM ids)
         INSERT INTO principals (principal_id, account_id, manifest_sealed, created_at)
         SELECT id || id, id, '', now() FROM ids",
        ids.join(", "),
    )
});

/// A database for logs, and relays on it that hear each other.
pub struct TestLog {
    pub database: TestDatabase,
    pub clock: Arc<TestClock>,
    hub: LocalHub,
    relays: AtomicU64,
    key_folder: TempDir,
}

impl TestLog {
    /// No space yet, and no relay.
    pub async fn new() -> Self {
        let database = TestDatabase::migrated().await;
        database.execute(ACCOUNTS.as_str()).await;
        Self {
            database,
            clock: Arc::new(TestClock::new()),
            hub: LocalHub::default(),
            relays: AtomicU64::new(0),
            key_folder: TempDir::new().unwrap(),
        }
    }

    /// Where deletions are remembered.
    pub fn shred_folder(&self) -> PathBuf {
        self.key_folder.path().join("shreds")
    }

    fn shreds(&self) -> ShredFolder {
        ShredFolder::open(&self.shred_folder(), Arc::new(SystemEntropy)).unwrap()
    }

    /// One more relay process.
    pub async fn relay(&self) -> LogService {
        self.relay_with(LogLimits::default()).await
    }

    /// One more, with other limits.
    pub async fn relay_with(&self, limits: LogLimits) -> LogService {
        let bus = self.hub.end(self.relays.fetch_add(1, Ordering::Relaxed));
        self.relay_on(self.database.store().await, Arc::new(bus), limits)
    }

    /// One more, on this store and bus.
    pub fn relay_on(&self, store: Store, bus: Arc<dyn Bus>, limits: LogLimits) -> LogService {
        let parts = LogParts {
            incarnation: Incarnation::new([9; 16]),
            data_keys: self.data_keys(&store),
            store: Arc::new(store),
            shreds: Some(Arc::new(self.shreds())),
            sealer: RowSealer::new(Arc::new(SystemEntropy)),
            bus,
            clock: self.clock.clone(),
            observer: Arc::new(IgnoreLog),
        };
        let service = LogService::new(parts, limits);
        let running = service.clone();
        tokio::spawn(async move { running.run().await });
        service
    }

    /// A relay's end of the bus over this database.
    pub fn postgres_bus(&self, relay: u64) -> Arc<dyn Bus> {
        Arc::new(PostgresBus::open(self.database.url(), relay).unwrap())
    }

    /// The data keys, as every relay has them.
    pub fn data_keys(&self, store: &Store) -> DataKeys {
        let entropy = Arc::new(SystemEntropy);
        let path = self.key_folder.path().join("key");
        let wrapper: Arc<dyn KeyWrapper> = Arc::new(KeyFile::open_or_create(&path, entropy.clone()).unwrap());
        let parts = DataKeyParts {
            wrapper,
            store: Arc::new(store.clone()),
            entropy,
        };
        DataKeys::new(parts, DataKeyLimits::default())
    }
}
