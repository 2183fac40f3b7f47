//! `[jobs]`: what runs by the clock.

use std::time::Duration;

use serde::Deserialize;

use super::{error::Problems, units};

/// `[jobs]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobsConfig {
    /// Time between two trials of the key service, which also renew the relay's credential.
    #[serde(rename = "kms_check_seconds", deserialize_with = "units::seconds")]
    pub kms_check: Duration,
    /// Time between two looks for sessions that another relay process has ended, to close their sockets here.
    #[serde(rename = "session_check_seconds", deserialize_with = "units::seconds")]
    pub session_check: Duration,
    /// Time between two sweeps of what is past its time: sessions, logins half done, staged changes.
    #[serde(rename = "sweep_seconds", deserialize_with = "units::seconds")]
    pub sweep: Duration,
    /// Time between two runs of dropping what retention policies no longer keep, at most a minute where that is a day or less.
    #[serde(rename = "retention_seconds", deserialize_with = "units::seconds")]
    pub retention: Duration,
    /// Time between two sweeps of blobs that are to go.
    #[serde(rename = "blobs_seconds", deserialize_with = "units::seconds")]
    pub blobs: Duration,
    /// Time between two runs of deleting wraps that were staged and never used.
    #[serde(rename = "staged_wraps_seconds", deserialize_with = "units::seconds")]
    pub staged_wraps: Duration,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            kms_check: Duration::from_secs(30),
            session_check: Duration::from_secs(5),
            sweep: Duration::from_secs(5 * 60),
            retention: Duration::from_secs(60 * 60),
            blobs: Duration::from_secs(10 * 60),
            staged_wraps: Duration::from_secs(10 * 60),
        }
    }
}

impl JobsConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        for (period, key) in [
            (self.kms_check, "jobs.kms_check_seconds"),
            (self.session_check, "jobs.session_check_seconds"),
            (self.sweep, "jobs.sweep_seconds"),
            (self.retention, "jobs.retention_seconds"),
            (self.blobs, "jobs.blobs_seconds"),
            (self.staged_wraps, "jobs.staged_wraps_seconds"),
        ] {
            problems.demand(!period.is_zero(), key, "must not be 0");
        }
    }
}
