//! Who keeps ledger and storage in step, without being asked by a client.

use std::sync::Arc;

use super::BlobSettings;
use super::ports::{BlobLedger, BlobStorage};
use crate::clock::Clock;

/// Sweeps, and compares. Cheap to clone.
#[derive(Clone)]
pub struct BlobKeeper {
    /// What is stored, and whose.
    pub ledger: Arc<dyn BlobLedger>,
    /// Where.
    pub storage: Arc<dyn BlobStorage>,
    /// Tells what is stale.
    pub clock: Arc<dyn Clock>,
    /// For how long what is kept.
    pub settings: BlobSettings,
}
