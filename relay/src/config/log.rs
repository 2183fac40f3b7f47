//! `[log]`: append lanes and what is kept in memory.

use std::{num::NonZeroUsize, time::Duration};

use sealpost_protocol::limits;
use serde::Deserialize;

use super::{error::Problems, units};

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Lanes that commit beside each other, each on a database connection of its own; one for every four cores where none is given.
    pub lanes: Option<NonZeroUsize>,
    /// Threads that check signatures; as many as there are cores where none is given.
    pub verify_threads: Option<NonZeroUsize>,
    /// Spaces whose fold is kept in memory.
    pub cached_spaces: usize,
    /// Entries of all spaces kept in memory for live readers, in bytes.
    pub tail_bytes: usize,
    /// Entries of all spaces that may wait to be appended, in bytes; beyond, publishers are told to come back.
    pub queued_bytes: usize,
    /// The same for one space, in bytes.
    pub queued_bytes_per_space: usize,
    /// Time between two looks at the heads of the logs in memory, for hints of other relays that were lost.
    #[serde(rename = "head_check_ms", deserialize_with = "units::milliseconds")]
    pub head_check: Duration,
    /// For how long after a restore the spaces that it brought back take nothing new, so that clients bring back their tails
    /// first. Counted from the restore, whenever the relay starts.
    #[serde(rename = "recovering_seconds", deserialize_with = "units::seconds")]
    pub recovering: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            lanes: None,
            verify_threads: None,
            cached_spaces: 10_000,
            tail_bytes: 64 << 20,
            queued_bytes: 64 << 20,
            queued_bytes_per_space: 16 << 20,
            head_check: Duration::from_secs(5),
            recovering: Duration::from_secs(120),
        }
    }
}

impl LogConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.demand(self.cached_spaces > 0, "log.cached_spaces", "must not be 0");
        let space = self.queued_bytes_per_space;
        problems.demand(
            (limits::MAX_FRAME..=self.queued_bytes).contains(&space),
            "log.queued_bytes_per_space",
            "must be between the largest frame, 262144, and queued_bytes: else no publish ever fits",
        );
        problems.demand(!self.head_check.is_zero(), "log.head_check_ms", "must not be 0");
    }
}
