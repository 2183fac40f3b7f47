//! The parts that stand without a listener: what operators' commands use, too.

use std::sync::Arc;

use super::{AppError, kms, kms::MissingKeyFile, settings};
use crate::{
    atrest::{DataKeyParts, DataKeys, KeyWrapper},
    clock::{Clock, SystemClock},
    config::Config,
    directory::{Directory, DirectoryParts},
    entropy::{Entropy, SystemEntropy},
    metrics::{KeyCollector, Metrics, PoolCollector, TransactionMetrics},
    store::Store,
};

/// Database, keys and accounts.
#[derive(Clone)]
pub struct Parts {
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The database.
    pub store: Store,
    /// What wraps data keys.
    pub wrapper: Arc<dyn KeyWrapper>,
    /// Data keys.
    pub keys: DataKeys,
    /// Accounts.
    pub directory: Arc<Directory>,
}

impl Parts {
    /// Connects to the database and shows everybody's numbers in `metrics`. The key service is not asked yet. Makes the
    /// key file where one is configured, there is none, and the database holds no keys.
    ///
    /// # Errors
    /// When the database does not answer, or the configuration cannot be followed; [`AppError::KeyFileLost`].
    pub async fn assemble(config: &Config, metrics: &Metrics) -> Result<Self, AppError> {
        Self::assemble_with(config, metrics, MissingKeyFile::Make).await
    }

    /// As [`Self::assemble`], and makes nothing.
    ///
    /// # Errors
    /// As [`Self::assemble`]; [`AppError::NoKeyFileYet`] where it would have made one.
    pub async fn examine(config: &Config) -> Result<Self, AppError> {
        Self::assemble_with(config, &Metrics::default(), MissingKeyFile::Report).await
    }

    async fn assemble_with(
        config: &Config,
        metrics: &Metrics,
        missing: MissingKeyFile,
    ) -> Result<Self, AppError> {
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
            (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let transactions = TransactionMetrics::default();
        metrics.show(|registry| transactions.register(registry));
        let store = Store::connect(&settings::store(&config.database)?, Arc::new(transactions)).await?;
        metrics.show(|registry| registry.register_collector(Box::new(PoolCollector(store.clone()))));

        let wrapper = kms::wrapper(&config.kms, &store, entropy.clone(), missing).await?;
        let parts = DataKeyParts {
            wrapper: wrapper.clone(),
            store: Arc::new(store.clone()),
            entropy: entropy.clone(),
        };
        let keys = DataKeys::new(parts, settings::data_keys(&config.kms.cache));
        metrics.show(|registry| registry.register_collector(Box::new(KeyCollector(keys.clone()))));

        let parts = DirectoryParts {
            store: Arc::new(store.clone()),
            keys: keys.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        let directory = Arc::new(Directory::new(parts, settings::directory(config)));
        Ok(Self {
            clock,
            entropy,
            store,
            wrapper,
            keys,
            directory,
        })
    }
}

/// Brings the schema up to date, or only checks it, as the configuration says.
///
/// # Errors
/// When the schema is not the one that this build needs.
pub(super) async fn prepare_schema(config: &Config) -> Result<(), AppError> {
    let url = config.database.url().map_err(AppError::DatabaseUrl)?;
    if config.database.migrate_on_boot {
        sealpost_migrations::run(url.expose_secret()).await?;
    } else {
        sealpost_migrations::verify(url.expose_secret()).await?;
    }
    Ok(())
}
