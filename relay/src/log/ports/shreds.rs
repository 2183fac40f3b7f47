//! What deletions leave behind.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use sealpost_protocol::ids::SpaceId;
use time::OffsetDateTime;

use super::{SpaceNumber, Stored};

/// A space that was deleted, and the record that did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Its number.
    pub number: SpaceNumber,
    /// Hash of its genesis record.
    pub space_id: SpaceId,
    /// The signed record, encoded.
    pub record: Bytes,
}

/// Why the ledger could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the shred ledger cannot be used: {0}")]
pub struct ShredLedgerError(#[source] pub std::io::Error);

/// Remembers deletions outside the database and its backups, so that they can be repeated after a restore. Whoever can write
/// to it can delete nothing, only keep a space from being served: what it holds counts as far as the relay's own proof in it,
/// or the chain of the space, confirms it.
pub trait ShredLedger: Send + Sync {
    /// Writes the entry of a space beside the ledger, durably, so that no full disk is in the way of keeping it. It counts for
    /// nothing until then.
    fn prepare(&self, space_id: SpaceId, entry: Bytes) -> BoxFuture<'_, Prepared>;

    /// All that were ever kept: space and entry.
    fn all(&self) -> BoxFuture<'_, Result<Vec<(SpaceId, Bytes)>, ShredLedgerError>>;
}

/// An entry that is written and does not count yet. Dropped, it is gone.
pub trait PreparedShred: Send {
    /// Puts it into the ledger, durably; in the place of one for the same space that says something else.
    fn keep(self: Box<Self>) -> BoxFuture<'static, Result<(), ShredLedgerError>>;
}

/// What comes of preparing an entry.
pub type Prepared = Result<Box<dyn PreparedShred>, ShredLedgerError>;

/// Where deletions are remembered; `None` where an operator keeps no ledger.
pub type OptionalShredLedger = Option<Arc<dyn ShredLedger>>;

/// Deleted spaces.
pub trait ShredStore: Send + Sync {
    /// Deleted spaces whose traces are not gone yet, by number, up to `limit`.
    fn unfinished_shreds(&self, limit: u32) -> Stored<'_, Vec<Tombstone>>;

    /// Deletes up to `limit` rows of a deleted space; returns how many.
    fn shred_rows(&self, space: SpaceNumber, limit: u32) -> Stored<'_, u64>;

    /// Ends a space by the record that deletes it, as an append of that record would.
    fn end<'a>(&'a self, space: SpaceNumber, record: &'a [u8], now: OffsetDateTime) -> Stored<'a, ()>;

    /// Notes that nothing of a deleted space is left, and that its deletion is remembered.
    fn note_shredded(&self, space: SpaceNumber) -> Stored<'_, ()>;
}
