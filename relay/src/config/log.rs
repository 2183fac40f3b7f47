//! `[log]`: append lanes and tail rings.

use std::num::NonZeroUsize;

use serde::Deserialize;

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Lanes that commit beside each other. Two or three were best when measured: each is one database connection.
    pub lanes: NonZeroUsize,
    /// Entries of all spaces kept in memory for live readers, in bytes.
    pub ring_bytes: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            lanes: NonZeroUsize::new(2).expect("a constant above zero"),
            ring_bytes: 64 << 20,
        }
    }
}
