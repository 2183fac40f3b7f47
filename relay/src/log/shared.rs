//! What all parts of the log work with.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use sealpost_protocol::ids::SpaceId;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::checkpoints::Checkpoints;
use super::lanes::Lanes;
use super::ledger::Ledger;
use super::look_ups::LookUps;
use super::ports::{LogStore, OptionalShredLedger};
use super::quotas::Quotas;
use super::rates::Rates;
use super::receipts::{ReceiptKey, Receipts};
use super::row_cipher::RowCipher;
use super::space_map::SpaceMap;
use super::submission::QueueBudget;
use super::tail_budget::TailBudget;
use super::verify_pool::VerifyPool;
use super::withheld::Withheld;
use super::{LogError, LogLimits, ObserveLog};
use crate::atrest::{DataKeyError, DataKeys, KeyScope, OpenDataKey};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::log::ports::SpaceNumber;
use crate::store_failure::StoreFailure;

/// When to come back after a full queue or a database that does not answer.
pub(super) const RETRY_SOON: Duration = Duration::from_secs(1);
/// When to come back after an outage of the key service.
const RETRY_KEYS: Duration = Duration::from_secs(5);

pub(super) struct Shared {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) data_keys: DataKeys,
    pub(super) cipher: RowCipher,
    pub(super) receipts: Receipts,
    pub(super) checkpoints: Checkpoints,
    pub(super) shreds: OptionalShredLedger,
    pub(super) withheld: Withheld,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn ObserveLog>,
    pub(super) limits: LogLimits,
    pub(super) spaces: SpaceMap,
    pub(super) lanes: Lanes,
    pub(super) verify: VerifyPool,
    pub(super) rates: Rates,
    pub(super) look_ups: LookUps,
    /// Places for pages that are read ahead.
    pub(super) pages_ahead: Arc<Semaphore>,
    pub(super) quotas: Quotas,
    pub(super) queue: QueueBudget,
    pub(super) tail: TailBudget,
    /// The workers of spaces and what they start.
    pub(super) work: TaskTracker,
    pub(super) is_draining: AtomicBool,
}

impl Shared {
    /// The time, in Unix seconds.
    pub(super) fn now_s(&self) -> u64 {
        u64::try_from(self.clock.now().unix_timestamp()).unwrap_or(0)
    }

    /// For how long yet a space that was restored then takes nothing new; `None` when it does again.
    pub(super) fn recovers_for(&self, restored_at: Option<OffsetDateTime>) -> Option<Duration> {
        let until = restored_at? + self.limits.recovering_for;
        Duration::try_from(until - self.clock.now())
            .ok()
            .filter(|left| !left.is_zero())
    }

    /// The key that seals the rows of a space, if it is in memory.
    pub(super) fn held_space_key(&self, space: SpaceNumber) -> Option<Arc<OpenDataKey>> {
        self.data_keys.held(KeyScope::Space(space.0))
    }

    /// The key that seals the rows of a space.
    pub(super) async fn space_key(&self, space: SpaceNumber) -> Result<Arc<OpenDataKey>, LogError> {
        let key = self.data_keys.open(KeyScope::Space(space.0)).await;
        key.map_err(|error| key_failure(&error))
    }

    /// Looks again at what retention has dropped from a space, if it seems full: that may be wrong by now.
    pub(super) async fn refresh_dropped(
        &self,
        space_id: SpaceId,
        ledger: &mut Ledger,
    ) -> Result<(), StoreFailure> {
        if ledger.stored_bytes() < self.limits.bytes_per_space {
            return Ok(());
        }
        if let Some(row) = self.store.find(&space_id).await? {
            ledger.dropped_bytes = row.dropped_bytes;
        }
        Ok(())
    }

    /// The key that makes receipts.
    pub(super) async fn receipt_key(&self) -> Result<&ReceiptKey, LogError> {
        let key = self.receipts.key(&self.data_keys).await;
        key.map_err(|error| key_failure(&error))
    }

    /// The key that signs checkpoints.
    pub(super) async fn checkpoint_key(&self) -> Result<&SigningKey, LogError> {
        let key = self.checkpoints.key(&self.data_keys).await;
        key.map_err(|error| key_failure(&error))
    }
}

/// Logs a failure of the key service or of the key's row, and says what the caller may know of it.
pub(super) fn key_failure(error: &DataKeyError) -> LogError {
    let cause = error as &dyn std::error::Error;
    tracing::warn!(error = cause, "a data key cannot be had");
    if error.is_outage() {
        let retry_after = RETRY_KEYS;
        return LogError::KmsUnavailable { retry_after };
    }
    match error {
        DataKeyError::Store(_) | DataKeyError::Aborted => LogError::Overloaded {
            retry_after: RETRY_SOON,
        },
        _ => LogError::Internal,
    }
}

/// Logs a failure of the store, and says what the caller may know of it.
pub(super) fn store_failure(failure: &StoreFailure) -> LogError {
    let cause = failure as &dyn std::error::Error;
    tracing::warn!(error = cause, "the store of the log failed");
    match failure {
        StoreFailure::Unavailable(_) | StoreFailure::CommitUnknown(_) | StoreFailure::Conflict(_) => {
            LogError::Overloaded {
                retry_after: RETRY_SOON,
            }
        }
        StoreFailure::RowCount { .. } | StoreFailure::Malformed(_) | StoreFailure::Internal(_) => {
            LogError::Internal
        }
    }
}

impl From<StoreFailure> for LogError {
    fn from(failure: StoreFailure) -> Self {
        store_failure(&failure)
    }
}
