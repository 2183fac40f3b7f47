//! What a database needs between a restore and the first client.

use std::sync::Arc;

use sealpost_protocol::ids::Incarnation;

use super::{AppError, Parts, services, settings};
use crate::{
    config::Config,
    metrics::Metrics,
    store::{IgnoreTransactions, Store},
};

/// What a restored database has become.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The life of the database that has begun.
    pub incarnation: Incarnation,
    /// Spaces that were deleted again.
    pub shredded: u64,
    /// The OPAQUE public key, as clients have pinned it.
    pub opaque_public_key: Vec<u8>,
}

/// Brings the schema up to this build, begins a new incarnation, and deletes again what the shred ledger names. A start of the relay
/// does all that as well: a restore that is cut short here has lost nothing.
///
/// # Errors
/// When database, key service or ledger cannot be used.
pub async fn settle_restored(config: &Config) -> Result<Settled, AppError> {
    let url = config.database.url().map_err(AppError::DatabaseUrl)?;
    sealpost_migrations::run(url.expose_secret()).await?;
    let parts = Parts::examine(config).await?;
    // A dump holds no incarnation, so that this draws one.
    let incarnation = parts.directory.incarnation().await?;
    let opaque_public_key = parts.directory.opaque_public_key().await?;
    let log = services::log(config, &parts, &Metrics::default()).await?;
    let shredded = log.replay_shreds().await.map_err(AppError::Shreds)?;
    Ok(Settled {
        incarnation,
        shredded,
        opaque_public_key,
    })
}

/// How many tables, views and sequences the configured database has.
///
/// # Errors
/// When it does not answer.
pub async fn count_relations(config: &Config) -> Result<i64, AppError> {
    let store = Store::connect(&settings::store(&config.database)?, Arc::new(IgnoreTransactions)).await?;
    let count = store.count_relations().await?;
    store.close().await;
    Ok(count)
}
