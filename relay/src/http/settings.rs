//! What the operator decides about the HTTP API.

use std::time::Duration;

use sealpost_protocol::limits::MAX_KEYSTORE;

use crate::limiter::Rate;

/// The largest body: a keystore in base64 and some 4 KiB around it.
pub(super) const MAX_BODY: usize = MAX_KEYSTORE.div_ceil(3) * 4 + 4 * 1024;
/// For how long a request waits for the turn of its address. One without a proxy never waits that long: it cannot have so many
/// connections.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The largest list of a blob's parts.
pub(super) const MAX_PART_LIST: usize = 4 * 1024 * 1024;

/// What the operator decides about the HTTP API.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Web origins that browsers may call from, as `https://app.example.org`.
    pub allowed_origins: Vec<String>,
    /// How long a request may take, from its head to its answer.
    pub request_timeout: Duration,
    /// Requests from one IPv4 address or one IPv6 /64, those for a socket included; above it, they are answered later.
    pub requests_per_address: Rate,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            request_timeout: Duration::from_secs(30),
            requests_per_address: Rate::per(Duration::from_secs(2), 400),
        }
    }
}
