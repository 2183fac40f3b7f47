//! `[access]`: Cloudflare Access in front of this relay.

use std::path::PathBuf;

use serde::Deserialize;

use super::{error::Problems, kms::HttpUrl};
use crate::access::AccessSettings;

/// `[access]`. Without the section, nothing is demanded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessConfig {
    /// The team, as `https://alice-and-bob.cloudflareaccess.com`.
    pub team_url: HttpUrl,
    /// The application's audience (AUD) tag.
    pub audience: String,
    /// The certificate authority (PEM) that alone is trusted for the team; else the system's.
    pub ca_file: Option<PathBuf>,
}

impl AccessConfig {
    /// The same for the gate.
    #[must_use]
    pub fn settings(&self) -> AccessSettings {
        AccessSettings::new(
            self.team_url.0.clone(),
            self.audience.clone(),
            self.ca_file.clone(),
        )
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        let url = &self.team_url.0;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        problems.demand(bare, "access.team_url", "must be https://host and nothing more");
        problems.demand_in_production(url.scheme() == "https", "access.team_url", "must be https");
        problems.demand(
            !self.audience.trim().is_empty(),
            "access.audience",
            "must be the application's audience tag",
        );
    }
}
