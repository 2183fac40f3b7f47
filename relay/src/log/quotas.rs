//! What the accounts that pay for spaces use of the storage.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use sealpost_protocol::ids::AccountId;
use tokio::time::Instant;

use super::ports::{AccountUsage, LogStore};
use crate::store_failure::StoreFailure;

/// For how long a figure from the database is trusted. Bytes that are appended here meanwhile are added to it; bytes
/// appended through other relays, those of each space that its row was not told yet, and keystores show late.
const TRUSTED_FOR: Duration = Duration::from_secs(30);

/// Accounts whose figures are kept.
const KEPT_ACCOUNTS: usize = 10_000;

/// Figures of the accounts that were asked for lately.
#[derive(Default)]
pub(super) struct Quotas {
    figures: Mutex<HashMap<AccountId, Figure>>,
}

struct Figure {
    usage: AccountUsage,
    read: Instant,
}

impl Quotas {
    /// What `account` uses.
    pub(super) async fn usage(
        &self,
        store: &dyn LogStore,
        account: AccountId,
    ) -> Result<AccountUsage, StoreFailure> {
        if let Some(usage) = self.known(account) {
            return Ok(usage);
        }
        let usage = store.usage(&account).await?;
        let mut figures = self.lock();
        if figures.len() >= KEPT_ACCOUNTS {
            figures.retain(|_, figure| figure.is_trusted());
        }
        let read = Instant::now();
        figures.insert(account, Figure { usage, read });
        Ok(usage)
    }

    /// Notes what was added to the spaces of `account` here.
    pub(super) fn add(&self, account: AccountId, spaces: u64, bytes: u64) {
        if let Some(figure) = self.lock().get_mut(&account) {
            figure.usage.spaces += spaces;
            figure.usage.bytes += bytes;
        }
    }

    /// What `account` uses, if that is known.
    pub(super) fn known(&self, account: AccountId) -> Option<AccountUsage> {
        let figures = self.lock();
        let figure = figures.get(&account).filter(|figure| figure.is_trusted())?;
        Some(figure.usage)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Figure>> {
        self.figures
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl Figure {
    fn is_trusted(&self) -> bool {
        self.read.elapsed() < TRUSTED_FOR
    }
}
