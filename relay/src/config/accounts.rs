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
            !self.session_lifetime.is_zero(),
            "accounts.session_lifetime_days",
            "must not be 0",
        );
    }
}
