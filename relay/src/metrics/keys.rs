//! Data keys and the key service.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use crate::atrest::{DataKeys, KeyServiceState};

/// Reads the numbers that [`DataKeys`] keeps by itself.
pub struct KeyCollector(pub DataKeys);

impl std::fmt::Debug for KeyCollector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyCollector")
    }
}

impl Collector for KeyCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let numbers = self.0.statistics();
        let health = self.0.health();
        let mut counter = |name, help, value: u64| write(&mut encoder, name, help, &ConstCounter::new(value));
        counter("keys_cache_hits", "Data keys served from memory", numbers.hits)?;
        counter(
            "keys_cache_misses",
            "Data keys that had to be opened",
            numbers.misses,
        )?;
        counter(
            "keys_joined",
            "Data keys that somebody else was opening already",
            numbers.joined,
        )?;
        counter("kms_calls", "Calls to the key service", numbers.calls)?;
        counter(
            "kms_failed_calls",
            "Calls to the key service that failed",
            numbers.failed_calls,
        )?;
        let mut gauge = |name, help, value: u64| {
            write(
                &mut encoder,
                name,
                help,
                &ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)),
            )
        };
        gauge("keys_held", "Data keys in memory", numbers.held)?;
        gauge("kms_state", "2 good, 1 degraded, 0 down", state(health.state))?;
        match health.wrapper.credential_seconds_left {
            Some(left) => gauge(
                "kms_credential_seconds_left",
                "Until the credential expires, unless renewed",
                left,
            ),
            None => Ok(()),
        }
    }
}

fn state(state: KeyServiceState) -> u64 {
    match state {
        KeyServiceState::Good => 2,
        KeyServiceState::Degraded => 1,
        KeyServiceState::Down => 0,
    }
}

fn write(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> Result<(), std::fmt::Error> {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
