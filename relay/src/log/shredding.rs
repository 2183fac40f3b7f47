//! What follows a tombstone: the deletion is remembered outside the database, and every row of the space goes.

use prost::Message;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::tombstone::check_tombstone;
use sealpost_protocol::wire;

use super::ports::{SpaceNumber, Tombstone};
use super::shared::Shared;
use super::{LogError, LogService, opening};
use crate::atrest::KeyScope;
use crate::store_failure::StoreFailure;

/// Rows of one table deleted in one transaction.
const ROWS: u32 = 5_000;
/// Spaces looked at in one run.
const SPACES: u32 = 100;

impl LogService {
    /// Finishes deletions that were cut short; returns how many.
    ///
    /// # Errors
    /// When the store or the ledger fails. What was done stays done.
    pub async fn finish_shreds(&self) -> Result<u64, LogError> {
        let tombstones = self.shared.store.unfinished_shreds(SPACES).await?;
        for tombstone in &tombstones {
            self.shared.shred(tombstone).await?;
        }
        Ok(tombstones.len() as u64)
    }

    /// Deletes again what a restore brought back: every space whose tombstone is in the ledger and is confirmed by its own
    /// chain. To be called before clients are served; returns how many.
    ///
    /// # Errors
    /// When the store, the key service or the ledger fails.
    pub async fn replay_shreds(&self) -> Result<u64, LogError> {
        let Some(ledger) = &self.shared.shreds else {
            return Ok(0);
        };
        let kept = ledger.all().await.map_err(|error| ledger_failure(&error))?;
        let mut shredded = 0;
        for (space_id, record) in kept {
            if self.replay(space_id, &record).await? {
                shredded += 1;
            }
        }
        Ok(shredded)
    }

    async fn replay(&self, space_id: SpaceId, record: &bytes::Bytes) -> Result<bool, LogError> {
        let Some(row) = self.shared.store.find(&space_id).await? else {
            return Ok(false);
        };
        if row.is_tombstoned() {
            return Ok(false);
        }
        let Some(ledger) = opening::open(&self.shared, space_id).await? else {
            return Ok(false);
        };
        let proof = wire::SignedControl::decode(record.clone());
        let confirmed = proof.is_ok_and(|proof| check_tombstone(&proof, ledger.fold.chain()).is_ok());
        if !confirmed {
            tracing::error!(
                space.number = row.number.0,
                "the shred ledger names a space whose chain does not confirm it; the space stays"
            );
            return Ok(false);
        }
        let now = self.shared.clock.now();
        self.shared.store.end(row.number, record, now).await?;
        let tombstone = Tombstone {
            number: row.number,
            space_id,
            record: record.clone(),
        };
        self.shared.shred(&tombstone).await?;
        Ok(true)
    }
}

impl Shared {
    /// Remembers a deletion and deletes every row. May be cut short at any point and begun again.
    pub(super) async fn shred(&self, tombstone: &Tombstone) -> Result<(), LogError> {
        self.remember(tombstone).await?;
        self.data_keys.forget(KeyScope::Space(tombstone.number.0));
        self.delete_rows(tombstone.number).await?;
        self.store.note_shredded(tombstone.number).await?;
        Ok(())
    }

    /// Puts a deletion into the ledger.
    pub(super) async fn remember(&self, tombstone: &Tombstone) -> Result<(), LogError> {
        let Some(ledger) = &self.shreds else {
            return Ok(());
        };
        let kept = ledger.keep(tombstone).await;
        kept.map_err(|error| ledger_failure(&error))
    }

    async fn delete_rows(&self, space: SpaceNumber) -> Result<(), StoreFailure> {
        while self.store.shred_rows(space, ROWS).await? > 0 {}
        Ok(())
    }
}

fn ledger_failure(error: &super::ports::ShredLedgerError) -> LogError {
    let cause = error as &dyn std::error::Error;
    tracing::error!(
        error = cause,
        "a deletion could not be remembered in the shred ledger"
    );
    LogError::Internal
}
