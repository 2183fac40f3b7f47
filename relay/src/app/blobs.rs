//! The storage of blobs, where one is configured.

use std::{sync::Arc, time::Duration};

use tokio::time;
use zeroize::Zeroizing;

use super::{AppError, Parts, settings};
use crate::{
    blobs::{
        BlobKeeper, BlobParts, BlobService, BlobSettings,
        ports::StorageError,
        s3::{Dialect, S3Settings, S3Storage},
    },
    clock::SystemClock,
    config::{BlobsConfig, Config},
    log::LogService,
};

/// How long a start waits for the storage to be tried.
const FIRST_TRIAL: Duration = Duration::from_secs(10);

/// The storage that the configuration names. It is not asked yet.
///
/// # Errors
/// When no client can be made of the settings, or a file of theirs cannot be read.
pub fn storage(config: &Config) -> Result<Option<Arc<S3Storage>>, AppError> {
    let Some(blobs) = &config.blobs else {
        return Ok(None);
    };
    let origin = config.server.allowed_origins.first().cloned();
    // Signatures are dated by the clock that the storage compares them with.
    let storage = S3Storage::new(
        s3_settings(blobs)?,
        blobs.url_lifetime,
        origin,
        Arc::new(SystemClock),
    )?;
    Ok(Some(Arc::new(storage.strict(config.is_production()))))
}

fn s3_settings(config: &BlobsConfig) -> Result<S3Settings, AppError> {
    let (access_key, secret_key) = config.credentials().map_err(AppError::BlobSecrets)?;
    let ca_pem = config.ca_file.as_ref().map(std::fs::read).transpose();
    Ok(S3Settings {
        endpoint: config.endpoint.0.clone(),
        public_endpoint: config.public_endpoint().0.clone(),
        region: config.region.clone(),
        bucket: config.bucket.clone(),
        path_style: config.path_style,
        access_key: access_key.expose_secret().to_owned(),
        secret_key: Zeroizing::new(secret_key.expose_secret().to_owned()),
        ca_pem: ca_pem.map_err(AppError::BlobSecrets)?,
        request_timeout: config.request_timeout,
    })
}

/// Tries what the storage does of S3. One that does not answer is tried again when it is needed; one that is no good is
/// refused in production.
pub(super) async fn try_storage(config: &Config, storage: &S3Storage) -> Result<(), AppError> {
    match time::timeout(FIRST_TRIAL, storage.dialect()).await {
        Ok(Ok(dialect)) => judge(config.is_production(), &dialect),
        Ok(Err(error @ StorageError::Refused(_))) => Err(error.into()),
        Ok(Err(_)) | Err(_) => {
            tracing::warn!("the storage of blobs does not answer; it is tried again when it is needed");
            Ok(())
        }
    }
}

/// That a storage is good enough.
///
/// # Errors
/// [`AppError::BlobStorageDangers`] in production.
pub fn judge(production: bool, dialect: &Dialect) -> Result<(), AppError> {
    let dangers = dialect.dangers();
    if production && !dangers.is_empty() {
        return Err(AppError::BlobStorageDangers(dangers.join("; ")));
    }
    Ok(())
}

/// Who keeps ledger and storage in step, for operators; `None` without a storage.
///
/// # Errors
/// As [`storage`].
pub fn keeper(config: &Config, parts: &Parts) -> Result<Option<BlobKeeper>, AppError> {
    let storage = storage(config)?.zip(config.blobs.as_ref());
    Ok(storage.map(|(storage, blobs)| BlobKeeper {
        ledger: Arc::new(parts.store.clone()),
        storage,
        clock: parts.clock.clone(),
        settings: settings::blobs(&config.limits, blobs),
    }))
}

/// The blobs of a relay.
pub(super) fn service(
    settings: BlobSettings,
    parts: &Parts,
    log: LogService,
    storage: Arc<S3Storage>,
) -> BlobService {
    let blobs = BlobParts {
        ledger: Arc::new(parts.store.clone()),
        storage,
        spaces: Arc::new(log),
        clock: parts.clock.clone(),
        entropy: parts.entropy.clone(),
    };
    BlobService::new(blobs, settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_refuses_a_storage_that_takes_what_it_should_not_and_development_lives_with_it() {
        // What Garage does not do, and nothing here needs.
        let good = Dialect {
            creates_only: false,
            lists_uploads: false,
            ..Dialect::GOOD
        };
        assert!(judge(true, &good).is_ok());
        let takes_forged = Dialect {
            refuses_forged: false,
            ..good
        };
        let takes_any_bytes = Dialect {
            binding: None,
            ..good
        };
        for bad in [takes_forged, takes_any_bytes] {
            let refused = judge(true, &bad);
            assert!(matches!(refused, Err(AppError::BlobStorageDangers(_))), "{bad}");
            assert!(judge(false, &bad).is_ok());
        }
    }
}
