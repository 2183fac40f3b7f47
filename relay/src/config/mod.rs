//! What an operator decides: one TOML file, overridden by the environment, checked before anything starts.
//!
//! Sources, the later over the earlier: defaults, the file, variables named `SEALPOST__SECTION__KEY`. Each section is one
//! file here. A key nobody knows is an error, a unit is part of a key's name, and a secret is given by value or by
//! `*_file`, never by both. All problems are reported at once.

mod access;
mod accounts;
mod backup;
mod blobs;
mod bus;
mod database;
mod error;
mod jobs;
mod kms;
mod limits;
mod log;
mod network;
mod secret;
mod server;
mod shreds;
mod sockets;
mod sources;
mod telemetry;
mod units;
mod urls;

use serde::Deserialize;

pub use self::{
    access::AccessConfig,
    accounts::{AccountsConfig, Registration},
    backup::{BackupConfig, BackupOpenBaoConfig},
    blobs::BlobsConfig,
    bus::{BusConfig, BusKind},
    database::DatabaseConfig,
    error::{ConfigError, Problem},
    jobs::JobsConfig,
    kms::{KeyCacheConfig, KeyFileConfig, KmsConfig, KmsKind, OpenBaoConfig},
    limits::{LimitsConfig, PerPeriod},
    log::LogConfig,
    network::AddressRange,
    secret::{Secret, SecretText},
    server::{PublicUrl, ServerConfig},
    shreds::ShredsConfig,
    sources::Sources,
    telemetry::{LogFormat, TelemetryConfig},
};
use crate::ws::SocketSettings;
use error::Problems;

/// What kind of place this relay runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Strict rules. The default, so that forgetting to say so weakens nothing.
    #[default]
    Production,
    /// A developer's machine or a test.
    Development,
}

/// The whole configuration. It has no `Debug`: some of it is secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Decides which rules hold.
    #[serde(default)]
    pub environment: Environment,
    /// Listeners and connections.
    pub server: ServerConfig,
    /// What one WebSocket may do.
    #[serde(default)]
    pub sockets: SocketSettings,
    /// Postgres.
    pub database: DatabaseConfig,
    /// What wraps the keys of data at rest.
    pub kms: KmsConfig,
    /// Cloudflare Access in front.
    pub access: Option<AccessConfig>,
    /// Registration and sessions.
    #[serde(default)]
    pub accounts: AccountsConfig,
    /// Rates and quotas.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Append lanes and tail rings.
    #[serde(default)]
    pub log: LogConfig,
    /// How relays tell each other of new entries.
    #[serde(default)]
    pub bus: BusConfig,
    /// What is logged, and how.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// What runs by the clock.
    #[serde(default)]
    pub jobs: JobsConfig,
    /// What is remembered of deleted spaces.
    #[serde(default)]
    pub shreds: ShredsConfig,
    /// How backups of this relay are made.
    #[serde(default)]
    pub backup: BackupConfig,
    /// Where blobs are stored; without it, none are.
    pub blobs: Option<BlobsConfig>,
}

impl Config {
    /// Reads and checks all sources.
    ///
    /// # Errors
    /// [`ConfigError`], naming every problem found. Blocks on small local files.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let exposes_secrets = sources.file_exposes_secrets()?;
        let config: Self = sources.into_config()?;
        config.check(exposes_secrets)?;
        Ok(config)
    }

    /// Whether the strict rules hold.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    fn check(&self, file_exposes_secrets: bool) -> Result<(), ConfigError> {
        let mut problems = Problems::new(self.is_production());
        problems.demand_in_production(
            !file_exposes_secrets,
            "the file",
            "holds a secret and everybody may read it: chmod o-r, or give the secret by *_file",
        );
        self.server.check(&mut problems);
        sockets::check(&self.sockets, &mut problems);
        self.database.check(&mut problems);
        self.kms.check(&mut problems);
        if let Some(access) = &self.access {
            access.check(&mut problems);
        }
        self.accounts.check(&mut problems);
        self.limits.check(&mut problems);
        self.log.check(&mut problems);
        self.jobs.check(&mut problems);
        self.shreds.check(&mut problems);
        self.backup.check(&mut problems);
        if let Some(blobs) = &self.blobs {
            blobs.check(&mut problems);
        }
        problems.into_result()
    }
}

#[cfg(test)]
mod tests;
