//! Connections of the public listener.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// What a listener counts.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    /// Open now, upgraded ones included.
    pub open: Gauge,
    /// Accepted so far.
    pub accepted: Counter,
    /// Turned away so far, because there was no place.
    pub shed: Counter,
}

impl ConnectionMetrics {
    /// Shows the counters under `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let connections = registry.sub_registry_with_prefix("connections");
        connections.register(
            "open",
            "Open connections of the public listener",
            self.open.clone(),
        );
        connections.register("accepted", "Connections accepted", self.accepted.clone());
        connections.register("shed", "Connections turned away at the limit", self.shed.clone());
    }
}
