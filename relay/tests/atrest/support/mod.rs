//! What the tests here share.

mod breakable;
mod memory_store;
pub mod openbao;

use std::sync::Arc;

use sealpost_relay::{
    atrest::{DataKeyLimits, DataKeyParts, DataKeys, KeyFile, KeyWrapper},
    entropy::{Entropy, SystemEntropy},
};

pub use self::{breakable::Breakable, memory_store::MemoryStore};

/// The system's generator, as the parts take it.
pub fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

/// A key file in a folder of its own, which is gone when this returns: the adapter reads it once.
pub fn key_file() -> KeyFile {
    let folder = tempfile::tempdir().unwrap();
    KeyFile::create(&folder.path().join("kms.key"), entropy()).unwrap()
}

/// Data keys on a key service that can be broken and a store in memory.
pub struct Fixture {
    pub wrapper: Arc<Breakable<KeyFile>>,
    pub store: Arc<MemoryStore>,
    pub keys: DataKeys,
}

impl Fixture {
    pub fn new(limits: DataKeyLimits) -> Self {
        let wrapper = Arc::new(Breakable::new(key_file()));
        let store = Arc::new(MemoryStore::default());
        let keys = data_keys(wrapper.clone(), store.clone(), limits);
        Self { wrapper, store, keys }
    }

    /// A second relay on the same store and key service, with a cold cache.
    pub fn another_relay(&self) -> DataKeys {
        data_keys(self.wrapper.clone(), self.store.clone(), DataKeyLimits::default())
    }
}

pub fn data_keys(wrapper: Arc<dyn KeyWrapper>, store: Arc<MemoryStore>, limits: DataKeyLimits) -> DataKeys {
    DataKeys::new(
        DataKeyParts {
            wrapper,
            store,
            entropy: entropy(),
        },
        limits,
    )
}
