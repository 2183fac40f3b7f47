//! `[jobs]`: what runs by the clock.

use std::time::Duration;

use serde::Deserialize;

use super::units;

/// `[jobs]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobsConfig {
    /// Time between two trials of the key service, which also renew the relay's credential.
    #[serde(rename = "kms_check_seconds", deserialize_with = "units::seconds")]
    pub kms_check: Duration,
    /// Time between two looks for sessions that another relay process ended.
    #[serde(rename = "session_check_seconds", deserialize_with = "units::seconds")]
    pub session_check: Duration,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            kms_check: Duration::from_secs(30),
            session_check: Duration::from_secs(5),
        }
    }
}
