//! The log.

use std::time::Duration;

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::log::ObserveLog;

type BySource = [(&'static str, &'static str); 1];

/// Counts and times what the log does.
#[derive(Clone, Debug)]
pub struct LogMetrics {
    appended_entries: Counter,
    appended_bytes: Counter,
    batches: Counter,
    batch_entries: Histogram,
    batch_seconds: Histogram,
    lost_appends: Counter,
    healed_entries: Counter,
    refused_publishes: Counter,
    acked_entries: Counter,
    ack_seconds: Histogram,
    read_pages: Family<BySource, Counter>,
    read_entries: Family<BySource, Counter>,
    opened_spaces: Counter,
    open_seconds: Histogram,
    queued_bytes: Gauge,
}

impl Default for LogMetrics {
    fn default() -> Self {
        Self {
            appended_entries: Counter::default(),
            appended_bytes: Counter::default(),
            batches: Counter::default(),
            batch_entries: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            batch_seconds: seconds(),
            lost_appends: Counter::default(),
            healed_entries: Counter::default(),
            refused_publishes: Counter::default(),
            acked_entries: Counter::default(),
            ack_seconds: seconds(),
            read_pages: Family::default(),
            read_entries: Family::default(),
            opened_spaces: Counter::default(),
            open_seconds: seconds(),
            queued_bytes: Gauge::default(),
        }
    }
}

/// From a quarter of a millisecond to eight seconds.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 16))
}

impl LogMetrics {
    /// Shows the counters under `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let log = registry.sub_registry_with_prefix("log");
        self.register_appends(log);
        log.register(
            "pages_read",
            "Pages given to readers, by source",
            self.read_pages.clone(),
        );
        log.register(
            "entries_read",
            "Entries given to readers, by source",
            self.read_entries.clone(),
        );
        log.register(
            "spaces_opened",
            "Spaces folded from the database",
            self.opened_spaces.clone(),
        );
        log.register(
            "open_seconds",
            "Time to fold a space from the database",
            self.open_seconds.clone(),
        );
    }

    fn register_appends(&self, log: &mut Registry) {
        log.register(
            "appended_entries",
            "Entries in ended batches",
            self.appended_entries.clone(),
        );
        log.register(
            "appended_bytes",
            "Bytes in ended batches",
            self.appended_bytes.clone(),
        );
        log.register("batches", "Append statements", self.batches.clone());
        log.register(
            "batch_entries",
            "Entries of an append statement",
            self.batch_entries.clone(),
        );
        log.register(
            "batch_seconds",
            "Time of an append statement",
            self.batch_seconds.clone(),
        );
        log.register(
            "lost_appends",
            "Appends that another relay was ahead of",
            self.lost_appends.clone(),
        );
        log.register(
            "healed_entries",
            "Entries that clients brought back after a restore",
            self.healed_entries.clone(),
        );
        log.register(
            "refused_publishes",
            "Publishes with a refused entry",
            self.refused_publishes.clone(),
        );
        log.register("acked_entries", "Entries acked", self.acked_entries.clone());
        log.register(
            "ack_seconds",
            "Time from publish to ack",
            self.ack_seconds.clone(),
        );
        log.register(
            "queued_bytes",
            "Bytes that wait to be appended",
            self.queued_bytes.clone(),
        );
    }
}

impl ObserveLog for LogMetrics {
    fn batch_ended(&self, _spaces: usize, entries: usize, bytes: usize, elapsed: Duration) {
        self.batches.inc();
        self.appended_entries.inc_by(entries as u64);
        self.appended_bytes.inc_by(bytes as u64);
        self.batch_entries.observe(entries as f64);
        self.batch_seconds.observe(elapsed.as_secs_f64());
    }

    fn append_lost(&self) {
        self.lost_appends.inc();
    }

    fn tail_healed(&self, entries: usize) {
        self.healed_entries.inc_by(entries as u64);
    }

    fn published(&self, acks: usize, refused: bool, elapsed: Duration) {
        self.acked_entries.inc_by(acks as u64);
        self.refused_publishes.inc_by(u64::from(refused));
        self.ack_seconds.observe(elapsed.as_secs_f64());
    }

    fn page_read(&self, entries: u64, _bytes: usize, from_memory: bool) {
        let source = if from_memory { "memory" } else { "database" };
        self.read_pages.get_or_create(&[("source", source)]).inc();
        self.read_entries
            .get_or_create(&[("source", source)])
            .inc_by(entries);
    }

    fn space_opened(&self, _entries: u64, elapsed: Duration) {
        self.opened_spaces.inc();
        self.open_seconds.observe(elapsed.as_secs_f64());
    }

    fn queued_bytes(&self, bytes: usize) {
        self.queued_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
