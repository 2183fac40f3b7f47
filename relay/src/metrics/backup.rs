//! The backups: how old the newest is, and the newest that was verified.

use std::{path::PathBuf, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};
use time::OffsetDateTime;

use crate::{backup::Status, clock::Clock};

/// Reads the status of the configured folder each time. Without a backup there is no age: alarm when it is absent.
pub struct BackupCollector {
    /// The folder of the backups.
    pub folder: PathBuf,
    /// Tells how long ago that is.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for BackupCollector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BackupCollector")
    }
}

impl BackupCollector {
    fn numbers(&self) -> Vec<(&'static str, &'static str, i64)> {
        let status = Status::read(&self.folder).unwrap_or_default();
        let age = |since: OffsetDateTime| (self.clock.now() - since).whole_seconds();
        let mut numbers = Vec::new();
        if let Some(backup) = status.last_backup {
            let bytes = i64::try_from(backup.bytes).unwrap_or(i64::MAX);
            numbers.push((
                "backup_age_seconds",
                "Age of the newest backup",
                age(backup.created_at),
            ));
            numbers.push(("backup_size_bytes", "Size of the newest backup", bytes));
        }
        if let Some(verified) = status.last_verified {
            let help = "Time since a backup was verified last";
            numbers.push(("backup_verified_age_seconds", help, age(verified.verified_at)));
        }
        numbers
    }
}

impl Collector for BackupCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (name, help, value) in self.numbers() {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
