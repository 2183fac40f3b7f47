//! `[bus]`: how relays tell each other of new entries and of signals.

use serde::Deserialize;

/// `[bus]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// What carries hints and signals.
    pub kind: BusKind,
}

/// What carries hints and signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// Nothing leaves this process: right for a single relay.
    Local,
    /// The database's own notifications: right for several relays, and harmless for one.
    #[default]
    Postgres,
}
