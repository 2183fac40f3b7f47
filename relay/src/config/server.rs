//! `[server]`: listeners and connections.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer};
use url::Url;

use super::{
    error::Problems,
    network::AddressRange,
    units,
    urls::{is_bare, is_public},
};

/// `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Where clients connect.
    #[serde(default = "public_listen")]
    pub public_listen: SocketAddr,
    /// Where health, metrics and version are asked for; must not be reachable from outside.
    #[serde(default = "ops_listen")]
    pub ops_listen: SocketAddr,
    /// What clients call this relay. They sign it, so it must not change lightly.
    pub public_url: PublicUrl,
    /// Web origins that browsers may come from, such as `https://app.example.org`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<AddressRange>,
    /// Connections that may be open at once.
    #[serde(default = "max_connections")]
    pub max_connections: usize,
    /// Connections that may be open at once from one IPv4 address or one IPv6 /64.
    #[serde(default = "max_connections_per_address")]
    pub max_connections_per_address: usize,
    /// For how long a client may take to send the head of a request, and to stay idle between two.
    #[serde(
        rename = "header_timeout_ms",
        deserialize_with = "units::milliseconds",
        default = "header_timeout"
    )]
    pub header_timeout: Duration,
    /// For how long a request may take, from its head to its answer; sockets excepted.
    #[serde(
        rename = "request_timeout_ms",
        deserialize_with = "units::milliseconds",
        default = "request_timeout"
    )]
    pub request_timeout: Duration,
    /// For how long a client may take no byte of what waits for it.
    #[serde(
        rename = "write_timeout_ms",
        deserialize_with = "units::milliseconds",
        default = "write_timeout"
    )]
    pub write_timeout: Duration,
    /// For how long the relay still serves after it has said that it is not ready, so that proxies can see that.
    #[serde(rename = "unready_ms", deserialize_with = "units::milliseconds", default)]
    pub unready: Duration,
    /// For how long a shutdown may take; what is not done by then is cut.
    #[serde(
        rename = "shutdown_grace_ms",
        deserialize_with = "units::milliseconds",
        default = "shutdown_grace"
    )]
    pub shutdown_grace: Duration,
}

fn public_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7450))
}

fn ops_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7451))
}

fn max_connections() -> usize {
    10_000
}

fn max_connections_per_address() -> usize {
    256
}

fn header_timeout() -> Duration {
    Duration::from_secs(5)
}

fn request_timeout() -> Duration {
    Duration::from_secs(30)
}

fn write_timeout() -> Duration {
    Duration::from_secs(10)
}

fn shutdown_grace() -> Duration {
    Duration::from_secs(20)
}

impl ServerConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.demand_in_production(
            self.public_url.is_public(),
            "server.public_url",
            "must be https and not this machine itself",
        );
        let wildcard = self.allowed_origins.iter().any(|origin| origin.contains('*'));
        problems.demand(
            !wildcard,
            "server.allowed_origins",
            "a wildcard would let every web site in: list the origins",
        );
        let exact = self.allowed_origins.iter().all(|origin| is_origin(origin));
        problems.demand(
            exact || wildcard,
            "server.allowed_origins",
            "must be scheme://host[:port] without a path",
        );
        let everyone = self.trusted_proxies.iter().any(AddressRange::is_everything);
        problems.demand(
            !everyone,
            "server.trusted_proxies",
            "would let every client choose its own address",
        );
        let ports_clash = self.public_listen == self.ops_listen && self.public_listen.port() != 0;
        problems.demand(
            !ports_clash,
            "server.ops_listen",
            "must not be the public listener",
        );
        problems.demand(
            self.max_connections > 0,
            "server.max_connections",
            "must not be 0",
        );
        problems.demand(
            self.max_connections_per_address > 0,
            "server.max_connections_per_address",
            "must not be 0",
        );
        problems.demand(
            !self.header_timeout.is_zero(),
            "server.header_timeout_ms",
            "must not be 0",
        );
        problems.demand(
            !self.request_timeout.is_zero(),
            "server.request_timeout_ms",
            "must not be 0",
        );
        problems.demand(
            !self.write_timeout.is_zero(),
            "server.write_timeout_ms",
            "must not be 0",
        );
        let time_to_drain = self.shutdown_grace > self.unready;
        problems.demand(
            time_to_drain,
            "server.shutdown_grace_ms",
            "must be longer than unready_ms",
        );
    }
}

/// A browser's `Origin` is compared as text, so the list must have exactly that form.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}

/// Scheme, host and port, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// As clients sign it: `https://relay.example.org`, with the port only where it is not the scheme's own.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    fn is_public(&self) -> bool {
        is_public(&self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| "not a URL")?;
        match url.scheme() {
            "http" | "https" if url.path() == "/" && is_bare(&url) => Ok(Self(url)),
            _ => Err("must be http(s)://host[:port] and nothing more"),
        }
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|reason| serde::de::Error::custom(format!("public_url: {reason}")))
    }
}
