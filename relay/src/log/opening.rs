//! Opens a space: from its newest good snapshot and the rows after it, or from all its rows.

use std::sync::Arc;

use prost::Message;
use sealpost_protocol::chain::ControlChain;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::root::Cursor;
use tokio::time::Instant;

use super::LogError;
use super::ledger::{Ledger, StoredEntry};
use super::page::PlacedEntry;
use super::ports::{EventRow, PageLimits, SpaceNumber, SpaceRow};
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::atrest::OpenDataKey;

/// Rows read at a time.
const ROWS: u32 = 512;
/// Sealed bytes read at a time.
const BYTES: usize = 1 << 20;
/// Control records read at a time.
const CONTROLS: u32 = 256;

/// Why a snapshot cannot be used.
enum Unusable {
    /// It, or a control record before it, is damaged.
    Damaged,
    Failed(LogError),
}

impl<E: Into<LogError>> From<E> for Unusable {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

struct Opening<'a> {
    shared: &'a Shared,
    space_id: SpaceId,
    row: SpaceRow,
    key: Arc<OpenDataKey>,
}

/// Opens the space with this id; `None` if there is none. A damaged row ends the fold before it; of a deleted space nothing is
/// left to be opened, and of one that may have been deleted nothing is.
pub(super) async fn open(shared: &Shared, space_id: SpaceId) -> Result<Option<Box<Ledger>>, LogError> {
    let started = Instant::now();
    let row = shared.store.find(&space_id).await?;
    let tombstone = row.as_ref().and_then(|row| row.tombstone.clone());
    if let Some(proof) = tombstone.or_else(|| shared.withheld.get(&space_id)) {
        return Err(LogError::Tombstoned { proof });
    }
    let Some(row) = row else {
        return Ok(None);
    };
    let key = shared.space_key(row.number).await?;
    let opening = Opening {
        shared,
        space_id,
        row,
        key,
    };
    let mut ledger = opening.start().await?;
    opening.note_stale_invites(&mut ledger).await?;
    let before = ledger.fold.cursor().seq;
    while !catch_up(shared, &mut ledger, &opening.key).await?.is_empty() {}
    // Rows that retention has shortened since count for less when they are folded again.
    ledger.appended_bytes = ledger.appended_bytes.max(opening.row.appended_bytes);
    let read = ledger.fold.cursor().seq - before;
    shared.observer.space_opened(read, started.elapsed());
    Ok(Some(Box::new(ledger)))
}

/// Reads and folds the next page of what the database has and the ledger has not; empty at the end of the log, and where
/// a damaged row ends it.
pub(super) async fn catch_up(
    shared: &Shared,
    ledger: &mut Ledger,
    key: &OpenDataKey,
) -> Result<Vec<PlacedEntry>, LogError> {
    if ledger.is_damaged() {
        return Ok(Vec::new());
    }
    let after = ledger.fold.cursor().seq;
    let limits = PageLimits {
        up_to: i64::MAX as u64,
        rows: ROWS,
        bytes: BYTES,
    };
    let rows = shared.store.page(ledger.number, after, limits).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        match ledger.apply(&shared.cipher, key, row) {
            Ok(entry) => entries.push(entry),
            Err(damaged) => {
                ledger.note_damage(damaged);
                break;
            }
        }
    }
    Ok(entries)
}

impl Opening<'_> {
    /// The ledger at the newest snapshot that opens, or at the genesis record.
    async fn start(&self) -> Result<Ledger, LogError> {
        let mut before = u64::MAX;
        while let Some(row) = self.shared.store.snapshot_before(self.row.number, before).await? {
            before = row.at.seq;
            match self.at_snapshot(row.at, row.sealed).await {
                Ok(ledger) => return Ok(ledger),
                Err(Unusable::Failed(error)) => return Err(error),
                Err(Unusable::Damaged) => tracing::error!(
                    space.number = self.row.number.0,
                    snapshot.seq = before,
                    "a stored snapshot, or a control record before it, is damaged; opening the space from further back"
                ),
            }
        }
        self.at_genesis().await
    }

    /// A restore may have taken back what revoked them.
    async fn note_stale_invites(&self, ledger: &mut Ledger) -> Result<(), LogError> {
        let Some(restored_at) = self.row.restored_at else {
            return Ok(());
        };
        let last = self
            .shared
            .store
            .last_control_before(self.row.number, restored_at);
        let Some(last) = last.await? else {
            return Ok(());
        };
        match self.chain(last).await {
            Ok(chain) => ledger.note_stale_invites(&chain),
            Err(Unusable::Failed(error)) => return Err(error),
            // The fold ends before the damaged record.
            Err(Unusable::Damaged) => {}
        }
        Ok(())
    }

    async fn at_snapshot(&self, at: Cursor, sealed: Vec<u8>) -> Result<Ledger, Unusable> {
        let opened = self.shared.cipher.open_snapshot(&self.key, &at, sealed);
        let snapshot = Snapshot::decode(opened.map_err(|_| Unusable::Damaged)?);
        let snapshot = snapshot.map_err(|_| Unusable::Damaged)?;
        let chain = self.chain(at.seq).await?;
        let is_same = chain.index() == snapshot.control_index
            && chain.head().as_bytes()[..] == snapshot.control_head[..];
        let writers = snapshot.writers().filter(|_| is_same);
        let fold = SpaceFold::from_parts(at, chain, writers.ok_or(Unusable::Damaged)?);
        Ok(Ledger::new(&self.row, fold, snapshot.appended_bytes))
    }

    async fn at_genesis(&self) -> Result<Ledger, LogError> {
        let rows = self.shared.store.controls(self.row.number, 0, 1, 1).await?;
        let row = rows.into_iter().next();
        let bytes = row.as_ref().map_or(0, |row| row.sealed.len());
        let record = row.and_then(|row| self.control(row, 1));
        let fold = record.and_then(|record| SpaceFold::from_genesis(&record).ok());
        let fold = fold.filter(|fold| fold.space_id() == self.space_id);
        let fold = fold.ok_or(LogError::EntryDamaged { seq: 1 })?;
        Ok(Ledger::new(&self.row, fold, bytes as u64))
    }

    /// The control chain up to the place `up_to`, from its records alone.
    async fn chain(&self, up_to: u64) -> Result<ControlChain, Unusable> {
        let mut chain: Option<ControlChain> = None;
        loop {
            let after = chain.as_ref().map_or(0, ControlChain::index);
            let rows = self
                .shared
                .store
                .controls(self.row.number, after, up_to, CONTROLS)
                .await?;
            let is_last = rows.len() < CONTROLS as usize;
            for row in rows {
                self.extend(&mut chain, row)?;
            }
            if is_last {
                let chain = chain.filter(|chain| chain.space_id() == self.space_id);
                return chain.ok_or(Unusable::Damaged);
            }
        }
    }

    fn extend(&self, chain: &mut Option<ControlChain>, row: EventRow) -> Result<(), Unusable> {
        let index = chain.as_ref().map_or(0, ControlChain::index) + 1;
        let record = self.control(row, index).ok_or(Unusable::Damaged)?;
        let extended = match chain {
            Some(chain) => chain.append(&record),
            None => ControlChain::from_genesis(&record).map(|first| *chain = Some(first)),
        };
        extended.map_err(|_| Unusable::Damaged)
    }

    fn control(&self, row: EventRow, index: u64) -> Option<ParsedControl> {
        (row.control_index == Some(index)).then_some(())?;
        let encoded = self.shared.cipher.open_entry(&self.key, row).ok()?;
        match StoredEntry::parse(&encoded)? {
            StoredEntry::Control(record) => Some(record),
            StoredEntry::Event(_) => None,
        }
    }
}

/// Whether a ledger is due for a snapshot: often enough for a quick start, seldom enough that snapshots stay a small
/// part of what is stored.
pub(super) fn is_snapshot_due(every: u64, ledger: &Ledger) -> bool {
    ledger.since_snapshot >= every && ledger.since_snapshot >= Snapshot::weight(&ledger.fold) / 4
}

/// What to put into a snapshot: place, bytes, encoding.
pub(super) fn take_snapshot(ledger: &mut Ledger) -> (SpaceNumber, Cursor, Snapshot) {
    ledger.since_snapshot = 0;
    ledger.noted_bytes = ledger.appended_bytes;
    let snapshot = Snapshot::of(&ledger.fold, ledger.appended_bytes);
    (ledger.number, ledger.fold.cursor(), snapshot)
}
