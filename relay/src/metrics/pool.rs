//! The database pool.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};

use crate::store::Store;

/// Reads the numbers that the pool keeps by itself.
pub struct PoolCollector(pub Store);

impl std::fmt::Debug for PoolCollector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PoolCollector")
    }
}

impl Collector for PoolCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let pool = self.0.pool();
        let open = i64::from(pool.size());
        let idle = i64::try_from(pool.idle()).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("database_connections_open", "Open database connections", open),
            ("database_connections_idle", "Those of them that are idle", idle),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
