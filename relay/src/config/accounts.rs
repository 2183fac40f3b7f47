//! `[accounts]`: registration and sessions.

use std::time::Duration;

use serde::Deserialize;

use super::{error::Problems, units};

/// `[accounts]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountsConfig {
    /// Who may register.
    pub registration: Registration,
    /// How long a login lasts.
    #[serde(rename = "session_lifetime_days", deserialize_with = "units::days")]
    pub session_lifetime: Duration,
}

/// Ten years: longer, and the end of a session would leave the calendar.
const LONGEST_SESSION: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Whoever has a registration token.
    Closed,
    /// Anybody.
    Open,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self {
            registration: Registration::Closed,
            session_lifetime: Duration::from_secs(90 * 24 * 60 * 60),
        }
    }
}

impl AccountsConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.demand(
            (Duration::from_nanos(1)..=LONGEST_SESSION).contains(&self.session_lifetime),
            "accounts.session_lifetime_days",
            "must be between 1 and 3650",
        );
    }
}
