//! What follows a tombstone: the deletion is remembered outside the database, and every row of the space goes.

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::tombstone::check_tombstone;
use sealpost_protocol::wire;

use super::ports::{PreparedShred, ShredLedgerError, SpaceNumber, Tombstone};
use super::shared::{RETRY_SOON, Shared};
use super::shred_entry::ShredEntry;
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

    /// Deletes again what a restore brought back: every space whose tombstone is in the ledger, with this relay's proof of it or
    /// confirmed by the space's own chain. One that neither confirms, because the entry, the chain or a key is damaged or
    /// forged, keeps its rows and is not served. To be called before clients are served; returns how many were deleted.
    ///
    /// # Errors
    /// When the store, the key service or the ledger fails.
    pub async fn replay_shreds(&self) -> Result<u64, LogError> {
        let Some(ledger) = &self.shared.shreds else {
            return Ok(0);
        };
        let kept = ledger.all().await.map_err(|error| unread(&error))?;
        let mut shredded = 0;
        for (space_id, entry) in kept {
            if self.replay(space_id, &entry).await? {
                shredded += 1;
            }
        }
        Ok(shredded)
    }

    async fn replay(&self, space_id: SpaceId, entry: &Bytes) -> Result<bool, LogError> {
        let entry = ShredEntry::parse(entry);
        let Some(row) = self.shared.store.find(&space_id).await? else {
            // Made and deleted after the backup: whoever holds its log must not bring it back.
            self.shared.withheld.insert(space_id, entry.record);
            return Ok(false);
        };
        if row.is_tombstoned() {
            return Ok(false);
        }
        if !self.is_confirmed(space_id, &entry).await? {
            tracing::error!(
                space.number = row.number.0,
                "the shred ledger names a space, and neither its entry nor the space's chain confirms the deletion; the space is not served"
            );
            self.shared.withheld.insert(space_id, entry.record);
            return Ok(false);
        }
        let now = self.shared.clock.now();
        self.shared.store.end(row.number, &entry.record, now).await?;
        let tombstone = Tombstone {
            number: row.number,
            space_id,
            record: entry.record,
        };
        self.shared.shred(&tombstone).await?;
        Ok(true)
    }

    /// An entry of before there were proofs is as good as the chain says.
    async fn is_confirmed(&self, space_id: SpaceId, entry: &ShredEntry) -> Result<bool, LogError> {
        if entry.is_proven(self.shared.receipt_key().await?, &space_id) {
            return Ok(true);
        }
        let ledger = match opening::open(&self.shared, space_id).await {
            Ok(Some(ledger)) => ledger,
            // Later it may open.
            Err(error) if error.retry_after().is_some() => return Err(error),
            Ok(None) | Err(_) => return Ok(false),
        };
        let proof = wire::SignedControl::decode(entry.record.clone());
        Ok(proof.is_ok_and(|proof| check_tombstone(&proof, ledger.fold.chain()).is_ok()))
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
        let prepared = self.prepare_shred(&tombstone.space_id, &tombstone.record).await?;
        keep(prepared).await
    }

    /// Writes down beside the ledger that a record deletes a space; `None` where there is no ledger.
    pub(super) async fn prepare_shred(
        &self,
        space_id: &SpaceId,
        record: &[u8],
    ) -> Result<Option<Box<dyn PreparedShred>>, LogError> {
        let Some(ledger) = &self.shreds else {
            return Ok(None);
        };
        let entry = ShredEntry::encode(self.receipt_key().await?, space_id, record);
        let prepared = ledger.prepare(*space_id, entry).await;
        prepared.map(Some).map_err(|error| ledger_failure(&error))
    }

    async fn delete_rows(&self, space: SpaceNumber) -> Result<(), StoreFailure> {
        while self.store.shred_rows(space, ROWS).await? > 0 {}
        Ok(())
    }
}

/// Puts a prepared entry into the ledger.
pub(super) async fn keep(prepared: Option<Box<dyn PreparedShred>>) -> Result<(), LogError> {
    let Some(prepared) = prepared else {
        return Ok(());
    };
    prepared.keep().await.map_err(|error| ledger_failure(&error))
}

/// Whoever deletes a space is told to come back: the disk may have room by then.
fn ledger_failure(error: &ShredLedgerError) -> LogError {
    let cause = error as &dyn std::error::Error;
    tracing::error!(
        error = cause,
        "a deletion could not be remembered in the shred ledger"
    );
    LogError::Overloaded {
        retry_after: RETRY_SOON,
    }
}

fn unread(error: &ShredLedgerError) -> LogError {
    let cause = error as &dyn std::error::Error;
    tracing::error!(error = cause, "the shred ledger could not be read");
    LogError::Internal
}
