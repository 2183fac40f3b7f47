//! The rows of the log itself.

use bytes::Bytes;
use sealpost_protocol::ids::{PrincipalId, Root};
use sealpost_protocol::root::Cursor;
use time::OffsetDateTime;

use super::{NamedWraps, NewWrap, SpaceNumber, StagedWrap, Stored};
use crate::atrest::DataKeyId;

/// An entry to be stored.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its place.
    pub seq: u64,
    /// The root there.
    pub root: Root,
    /// Its place in the control chain; `None` for content.
    pub control_index: Option<u64>,
    /// The entry, sealed.
    pub sealed: Vec<u8>,
}

impl NewEvent {
    /// Its place and the root there.
    #[must_use]
    pub fn at(&self) -> Cursor {
        Cursor {
            seq: self.seq,
            root: self.root,
        }
    }
}

/// Consecutive entries for the end of one space.
#[derive(Clone, Debug)]
pub struct Append {
    /// The space.
    pub space: SpaceNumber,
    /// The end they build on.
    pub after: Cursor,
    /// At least one, in order.
    pub events: Vec<NewEvent>,
    /// The data key that seals them.
    pub data_key_id: DataKeyId,
    /// When.
    pub stored_at: OffsetDateTime,
}

impl Append {
    /// Sealed bytes of all entries.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.sealed.len()).sum()
    }
}

/// What became of an append. It is stored whole or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Committed.
    Committed,
    /// Not stored: the log does not end where the append builds on, the space was tombstoned, somebody else holds its
    /// lock, or wraps that a record names are no longer staged as they were.
    Lost,
}

/// A wrap that a control record carries in itself, and that is fetched like a staged one.
#[derive(Clone, Debug)]
pub struct CarriedWrap {
    /// Whose, and of which secret.
    pub staged: StagedWrap,
    /// For whom.
    pub wrap: NewWrap,
    /// The place of the control record.
    pub by_seq: u64,
}

/// What a commit changes beside the log, because of the control records in it.
#[derive(Clone, Debug, Default)]
pub struct ControlEffects {
    /// Principals that became members.
    pub joined: Vec<PrincipalId>,
    /// Principals that are no members any more.
    pub left: Vec<PrincipalId>,
    /// Wraps that are no longer only staged.
    pub named_wraps: Vec<NamedWraps>,
    /// Wraps that came inside control records.
    pub carried_wraps: Vec<CarriedWrap>,
    /// The record that deletes the space, where one does: encoded.
    pub tombstone: Option<Bytes>,
    /// The new retention time, where it changed; 0 keeps everything.
    pub retention_seconds: Option<u64>,
}

/// A stored entry.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its place.
    pub seq: u64,
    /// The root there, as the column says it.
    pub root: Root,
    /// Its place in the control chain; `None` for content.
    pub control_index: Option<u64>,
    /// Counts the changes of the row.
    pub row_version: u64,
    /// The entry, sealed.
    pub sealed: Vec<u8>,
}

impl EventRow {
    /// Its place and the root there, as the columns say it.
    #[must_use]
    pub fn at(&self) -> Cursor {
        Cursor {
            seq: self.seq,
            root: self.root,
        }
    }
}

/// Where a page of rows ends.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// The last place that may be in it.
    pub up_to: u64,
    /// The most rows.
    pub rows: u32,
    /// No row begins after this many sealed bytes.
    pub bytes: usize,
}

/// The log.
pub trait EventStore: Send + Sync {
    /// Appends to several different spaces at once, content only, and says for each what became of it.
    ///
    /// An append to a space is stored if and only if the log of the space ends at `after` and nobody holds its lock.
    fn append<'a>(&'a self, appends: &'a [Append]) -> Stored<'a, Vec<Appended>>;

    /// Waits for the lock of a space, which keeps out all other appends to it while it is held.
    fn lock(&self, space: SpaceNumber) -> Stored<'_, Box<dyn LockedSpace>>;

    /// A page of the log after the place `after`, in order.
    fn page(&self, space: SpaceNumber, after: u64, limits: PageLimits) -> Stored<'_, Vec<EventRow>>;

    /// Control records with a control index above `after` and a place up to `up_to`, in order, up to `limit`.
    fn controls(&self, space: SpaceNumber, after: u64, up_to: u64, limit: u32) -> Stored<'_, Vec<EventRow>>;

    /// The roots at these places; places that do not exist are left out.
    fn roots<'a>(&'a self, space: SpaceNumber, seqs: &'a [u64]) -> Stored<'a, Vec<Cursor>>;

    /// The place of the control record with this index.
    fn control_place(&self, space: SpaceNumber, control_index: u64) -> Stored<'_, Option<Cursor>>;

    /// The ends of these logs; spaces without a log are left out.
    fn heads<'a>(&'a self, spaces: &'a [SpaceNumber]) -> Stored<'a, Vec<(SpaceNumber, Cursor)>>;
}

/// The lock of a space, held. Dropping it gives it back.
pub trait LockedSpace: Send {
    /// Appends under the lock, with what control records change beside the log, and gives the lock back.
    fn append<'a>(self: Box<Self>, append: &'a Append, effects: &'a ControlEffects) -> Stored<'a, Appended>;
}
