//! What the sockets count.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of all sockets. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct SocketMetrics {
    /// Open sockets.
    pub open: Gauge,
    /// Requests for a socket that were refused before the upgrade, by error code.
    pub refused: Family<[(&'static str, &'static str); 1], Counter>,
    /// Sockets that ended, by close code; `0` where the client ended them.
    pub closed: Family<[(&'static str, u32); 1], Counter>,
    /// Frames of clients.
    pub received: Counter,
    /// Bytes that wait to be written.
    pub queued_bytes: Gauge,
    /// Pages sent.
    pub pages: Counter,
    /// Entries sent, each counted once for every subscriber.
    pub delivered: Counter,
    /// Signals sent, each counted once for every subscriber.
    pub signals: Counter,
}

impl SocketMetrics {
    /// Shows the counters under `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let sockets = registry.sub_registry_with_prefix("sockets");
        sockets.register("open", "Open sockets", self.open.clone());
        sockets.register(
            "refused",
            "Sockets refused before the upgrade",
            self.refused.clone(),
        );
        sockets.register("closed", "Sockets ended, by close code", self.closed.clone());
        sockets.register("frames_received", "Frames of clients", self.received.clone());
        sockets.register(
            "queued_bytes",
            "Bytes that wait to be written",
            self.queued_bytes.clone(),
        );
        sockets.register("pages", "Pages sent", self.pages.clone());
        sockets.register(
            "entries_delivered",
            "Entries sent, per subscriber",
            self.delivered.clone(),
        );
        sockets.register(
            "signals_delivered",
            "Signals sent, per subscriber",
            self.signals.clone(),
        );
    }
}
