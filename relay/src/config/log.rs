//! `[log]`: append lanes and tail rings.

use serde::Deserialize;

use super::error::Problems;

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Lanes that commit beside each other. Two or three were best when measured: each is one database connection.
    pub lanes: usize,
    /// Entries of all spaces kept in memory for live readers, in bytes.
    pub ring_bytes: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            lanes: 2,
            ring_bytes: 64 << 20,
        }
    }
}

impl LogConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.demand(self.lanes > 0, "log.lanes", "must not be 0");
    }
}
