//! Snapshots of what a log folds to.

use sealpost_protocol::root::Cursor;
use time::OffsetDateTime;

use super::{SpaceNumber, Stored};
use crate::atrest::DataKeyId;

/// A snapshot to be stored.
#[derive(Clone, Debug)]
pub struct NewSnapshot {
    /// The space.
    pub space: SpaceNumber,
    /// Where in its log.
    pub at: Cursor,
    /// The data key that seals it.
    pub data_key_id: DataKeyId,
    /// The snapshot, sealed.
    pub sealed: Vec<u8>,
    /// Bytes of all entries up to here.
    pub appended_bytes: u64,
    /// When.
    pub taken_at: OffsetDateTime,
}

/// A stored snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotRow {
    /// Where in the log.
    pub at: Cursor,
    /// The snapshot, sealed.
    pub sealed: Vec<u8>,
}

/// Snapshots.
pub trait SnapshotStore: Send + Sync {
    /// Stores a snapshot unless there is one of that place, and deletes all but the two newest of its space.
    fn put_snapshot<'a>(&'a self, snapshot: &'a NewSnapshot) -> Stored<'a, ()>;

    /// The newest snapshot of a space with a place below `before`.
    fn snapshot_before(&self, space: SpaceNumber, before: u64) -> Stored<'_, Option<SnapshotRow>>;
}
