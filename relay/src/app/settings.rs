//! What the sections of the configuration mean to the parts.

use time::Duration;

use super::AppError;
use crate::{
    atrest::DataKeyLimits,
    blobs::{BlobSettings, ports::Quotas},
    config::{
        AddressRange, BlobsConfig, Config, DatabaseConfig, KeyCacheConfig, LimitsConfig, PerPeriod,
        Registration, ServerConfig,
    },
    directory::{DirectoryLimits, DirectorySettings, Rate},
    http::{HttpSettings, listener::ListenerSettings},
    log::LogLimits,
    store::StoreOptions,
};

/// Connections of the ops listener: a few probes and a person.
const OPS_CONNECTIONS: usize = 64;

pub(super) fn store(config: &DatabaseConfig) -> Result<StoreOptions, AppError> {
    Ok(StoreOptions {
        database_url: config
            .url()
            .map_err(AppError::DatabaseUrl)?
            .expose_secret()
            .to_owned(),
        max_connections: config.max_connections,
        acquire_timeout: config.acquire_timeout,
        statement_timeout: config.statement_timeout,
    })
}

pub(super) fn data_keys(config: &KeyCacheConfig) -> DataKeyLimits {
    DataKeyLimits {
        cached_keys: config.max_keys,
        max_age: config.max_age,
        degraded_window: config.degraded_window,
    }
}

pub(super) fn directory(config: &Config) -> DirectorySettings {
    DirectorySettings {
        open_registration: config.accounts.registration == Registration::Open,
        session_lifetime: config.accounts.session_lifetime,
        quota_bytes: config.limits.account_quota_bytes,
        keystores_per_day: config.limits.keystores_per_day_per_account.get().into(),
        keystore_bytes: config.limits.keystore_quota_bytes,
        limits: directory_limits(&config.limits),
        ..DirectorySettings::new(config.server.public_url.origin())
    }
}

fn directory_limits(config: &LimitsConfig) -> DirectoryLimits {
    DirectoryLimits {
        registrations_per_address: rate(config.registrations_per_address),
        logins_per_address: rate(config.logins_per_address),
        logins_per_credential_and_address: rate(config.logins_per_credential_and_address),
        logins_per_credential: rate(config.logins_per_credential),
        failures_per_address: rate(config.failures_per_address),
        changes_per_account: rate(config.changes_per_account),
    }
}

fn rate(limit: PerPeriod) -> Rate {
    Rate::per(limit.period(), limit.times.get())
}

/// Of what the configuration leaves open, the log's own defaults.
pub(super) fn log(config: &Config) -> LogLimits {
    let (log, limits, defaults) = (&config.log, &config.limits, LogLimits::default());
    LogLimits {
        lanes: log.lanes.unwrap_or(defaults.lanes),
        verify_threads: log.verify_threads.unwrap_or(defaults.verify_threads),
        cached_spaces: log.cached_spaces,
        tail_bytes: log.tail_bytes,
        queued_bytes: log.queued_bytes,
        queued_bytes_per_space: log.queued_bytes_per_space,
        spaces_per_account: limits.spaces_per_account,
        bytes_per_account: limits.account_quota_bytes,
        bytes_per_space: limits.space_quota_bytes,
        entries_per_second_per_account: limits.entries_per_second_per_account,
        entries_per_second_per_space: limits.entries_per_second_per_space,
        signals_per_second_per_account: limits.signals_per_second_per_account,
        look_ups_per_second_per_account: limits.look_ups_per_second_per_account,
        head_check_every: log.head_check,
        recovering_for: log.recovering,
        ..defaults
    }
}

pub(super) fn blobs(limits: &LimitsConfig, blobs: &BlobsConfig) -> BlobSettings {
    let seconds = |duration: std::time::Duration| {
        Duration::seconds(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
    };
    BlobSettings {
        quotas: Quotas {
            account_bytes: limits.blob_account_quota_bytes,
            space_bytes: limits.blob_space_quota_bytes,
            blobs: limits.blobs_per_account_and_space,
        },
        url_lifetime: seconds(blobs.url_lifetime),
        keep_unfinished: seconds(blobs.keep_unfinished),
        keep_unreferenced: seconds(blobs.keep_unreferenced),
    }
}

pub(super) fn http(config: &Config) -> HttpSettings {
    HttpSettings {
        allowed_origins: config.server.allowed_origins.clone(),
        request_timeout: config.server.request_timeout,
        requests_per_address: rate(config.limits.requests_per_address),
    }
}

pub(super) fn public_listener(config: &ServerConfig) -> ListenerSettings {
    ListenerSettings {
        max_connections: config.max_connections,
        max_connections_per_address: config.max_connections_per_address,
        header_timeout: config.header_timeout,
        write_timeout: config.write_timeout,
        trusted_proxies: config.trusted_proxies.clone(),
    }
}

pub(super) fn ops_listener(config: &ServerConfig) -> ListenerSettings {
    ListenerSettings {
        max_connections: OPS_CONNECTIONS,
        max_connections_per_address: OPS_CONNECTIONS,
        header_timeout: config.header_timeout,
        write_timeout: config.write_timeout,
        trusted_proxies: Vec::<AddressRange>::new(),
    }
}
