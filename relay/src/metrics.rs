//! What the relay counts, for Prometheus.
//!
//! A module counts in a struct of its own (cheap clones that share their numbers) and knows nothing of who shows them.
//! No label ever holds an id, a handle or an address.

mod backup;
mod blobs;
mod connections;
mod keys;
mod log;
mod pool;
mod transactions;

use std::{
    fmt,
    sync::{Mutex, MutexGuard},
};

use prometheus_client::{encoding::text::encode, registry::Registry};

pub use self::{
    backup::BackupCollector, blobs::BlobMetrics, connections::ConnectionMetrics, keys::KeyCollector,
    log::LogMetrics, pool::PoolCollector, transactions::TransactionMetrics,
};

/// Everything that is shown, under the prefix `sealpost_`.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            registry: Mutex::new(Registry::with_prefix("sealpost")),
        }
    }
}

impl Metrics {
    /// Lets a module show its numbers.
    pub fn show(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry());
    }

    /// The numbers of this moment, in the OpenMetrics text format.
    ///
    /// # Errors
    /// When a collector fails to write its numbers, which ours never do.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry())?;
        Ok(text)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry
            .lock()
            .expect("nothing panics while it registers or writes numbers")
    }
}
