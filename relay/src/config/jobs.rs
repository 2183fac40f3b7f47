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
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            kms_check: Duration::from_secs(30),
            session_check: Duration::from_secs(5),
            sweep: Duration::from_secs(5 * 60),
        }
    }
}

impl JobsConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.demand(
            !self.kms_check.is_zero(),
            "jobs.kms_check_seconds",
            "must not be 0",
        );
        problems.demand(
            !self.session_check.is_zero(),
            "jobs.session_check_seconds",
            "must not be 0",
        );
        problems.demand(!self.sweep.is_zero(), "jobs.sweep_seconds", "must not be 0");
    }
}
