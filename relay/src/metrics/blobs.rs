//! Blobs, as the sweeps of this relay see them.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::blobs::{
    Swept,
    ports::{BlobState, Usage},
};

type ByState = [(&'static str, &'static str); 1];

/// What the sweeps have found and done.
#[derive(Clone, Debug, Default)]
pub struct BlobMetrics {
    blobs: Family<ByState, Gauge>,
    bytes: Family<ByState, Gauge>,
    removed: Counter,
    removed_bytes: Counter,
    kept: Gauge,
    failed: Counter,
}

impl BlobMetrics {
    /// Shows the numbers under `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let blobs = registry.sub_registry_with_prefix("blobs");
        blobs.register("in_state", "Blobs in the ledger, by state", self.blobs.clone());
        blobs.register(
            "bytes_in_state",
            "Their bytes, reserved or stored",
            self.bytes.clone(),
        );
        blobs.register("removed", "Blobs removed from the storage", self.removed.clone());
        blobs.register("removed_bytes", "Their bytes", self.removed_bytes.clone());
        blobs.register(
            "not_removed",
            "Blobs that the storage did not remove in the last sweep",
            self.kept.clone(),
        );
        blobs.register("failed_sweeps", "Sweeps that ended early", self.failed.clone());
    }

    /// A sweep has ended.
    pub fn swept(&self, swept: &Swept) {
        self.removed.inc_by(swept.removed);
        self.removed_bytes.inc_by(swept.bytes);
        self.kept.set(signed(swept.kept));
    }

    /// A sweep has failed.
    pub fn failed(&self) {
        self.failed.inc();
    }

    /// What the ledger holds.
    pub fn totals(&self, totals: &[(BlobState, Usage)]) {
        for state in BlobState::ALL {
            let found = totals.iter().find(|(of, _)| *of == state);
            let usage = found.map_or(Usage::default(), |(_, usage)| *usage);
            let label = [("state", state.as_str())];
            self.blobs.get_or_create(&label).set(signed(usage.blobs));
            self.bytes.get_or_create(&label).set(signed(usage.bytes));
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
