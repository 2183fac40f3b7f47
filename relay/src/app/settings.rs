//! What the sections of the configuration mean to the parts.

use super::AppError;
use crate::{
    atrest::DataKeyLimits,
    config::{AddressRange, Config, DatabaseConfig, KeyCacheConfig, Registration, ServerConfig},
    directory::DirectorySettings,
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
        ..DirectorySettings::new(config.server.public_url.origin())
    }
}

pub(super) fn log(config: &Config) -> LogLimits {
    LogLimits {
        lanes: config.log.lanes,
        tail_bytes: config.log.ring_bytes,
        bytes_per_account: config.limits.account_quota_bytes,
        bytes_per_space: config.limits.space_quota_bytes,
        ..LogLimits::default()
    }
}

pub(super) fn http(config: &ServerConfig) -> HttpSettings {
    HttpSettings {
        allowed_origins: config.allowed_origins.clone(),
        ..HttpSettings::default()
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
