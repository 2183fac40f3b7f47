//! The section `[sockets]` of the configuration.

use std::time::Duration;

use serde::Deserialize;

use super::bucket::Rate;

/// Time for one client that comes back: TLS, its proof, its subscriptions.
const TAKING_IN: Duration = Duration::from_millis(10);

/// Limits and times of the WebSocket endpoint. What both sides must agree on is in `sealpost_protocol::limits`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SocketSettings {
    /// Open sockets of this relay. A tenth of them may be unauthenticated.
    pub max_sockets: usize,
    /// Open sockets of one IPv4 address or one IPv6 /64. A quarter of them may be unauthenticated.
    pub max_sockets_per_address: usize,
    /// Open sockets of one account's owner, with all their devices.
    pub max_sockets_per_account: usize,
    /// Open sockets of one agent, which do not count against its owner's.
    pub max_sockets_per_agent: usize,
    /// Time a client has to authenticate, in milliseconds.
    pub authenticate_within_ms: u64,
    /// Time between two pings, in milliseconds, give or take a tenth. Two unanswered ones end the socket.
    pub ping_interval_ms: u32,
    /// Bytes of entries in one page, unless a single entry is larger.
    pub page_bytes: usize,
    /// Requests of one socket that are worked on at once; then nothing more is read from it.
    pub max_requests_in_flight: usize,
    /// Bytes of requests of one socket that are worked on at once; then nothing more is read from it.
    pub max_request_bytes_in_flight: usize,
    /// Requests of one socket; above it, they are answered `rate_limited`.
    pub requests: Rate,
    /// Bytes from one socket; above it, they are read later.
    pub bytes: Rate,
    /// WebSocket frames from one socket, with those inside a fragmented message; above it, they are read later.
    pub frames: Rate,
    /// Pings and pongs from one socket; above it, the socket is closed.
    pub control_frames: Rate,
    /// Longest delay that a GoAway asks for before reconnecting, in milliseconds; each client gets a random one, and where there are few
    /// of them a shorter one.
    pub reconnect_spread_ms: u32,
    /// When a client that found no slot should come back, in seconds.
    pub retry_after_seconds: u32,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            max_sockets: 10_000,
            max_sockets_per_address: 256,
            max_sockets_per_account: 64,
            max_sockets_per_agent: 8,
            authenticate_within_ms: 5_000,
            ping_interval_ms: 25_000,
            page_bytes: 64 * 1024,
            max_requests_in_flight: 64,
            max_request_bytes_in_flight: 256 * 1024,
            requests: Rate::new(2_000, 4_000),
            bytes: Rate::new(16 * 1024 * 1024, 4 * 1024 * 1024),
            frames: Rate::new(5_000, 5_000),
            control_frames: Rate::new(2, 60),
            reconnect_spread_ms: 30_000,
            retry_after_seconds: 5,
        }
    }
}

impl SocketSettings {
    /// [`Self::authenticate_within_ms`].
    #[must_use]
    pub fn authenticate_within(&self) -> Duration {
        Duration::from_millis(self.authenticate_within_ms)
    }

    /// [`Self::ping_interval_ms`].
    #[must_use]
    pub fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval_ms.into())
    }

    /// The time over which so many clients come back: no longer than it takes to take them in, nor than
    /// [`Self::reconnect_spread_ms`].
    #[must_use]
    pub fn reconnect_spread(&self, clients: usize) -> Duration {
        let clients = u32::try_from(clients).unwrap_or(u32::MAX);
        let longest = Duration::from_millis(self.reconnect_spread_ms.into());
        TAKING_IN.saturating_mul(clients).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_clients_come_back_soon_and_many_over_the_longest_time() {
        let settings = SocketSettings::default();
        let spread = |clients| settings.reconnect_spread(clients).as_millis();
        assert_eq!(
            [0, 1, 50, 3_000, 10_000, usize::MAX].map(spread),
            [0, 10, 500, 30_000, 30_000, 30_000]
        );
    }
}
