//! The running hash of a log, and places in it.

use crate::hash::{Label, tagged_hash};
use crate::ids::{EventId, Root, SpaceId};

/// The root of an empty log: the space id itself, so that no two spaces share a root.
#[must_use]
pub fn empty_root(space_id: &SpaceId) -> Root {
    Root::new(*space_id.as_bytes())
}

/// The root after `event_id` took place `seq`.
#[must_use]
pub fn next_root(previous: &Root, seq: u64, event_id: &EventId) -> Root {
    Root::new(tagged_hash(
        Label::ROOT,
        &[previous.as_bytes(), &seq.to_be_bytes(), event_id.as_bytes()],
    ))
}

/// Where a reader stands: everything up to `seq` is read, and this is what it hashed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Sequence number of the last entry read; 0 before the first.
    pub seq: u64,
    /// Root at that place.
    pub root: Root,
}

impl Cursor {
    /// The cursor before the first entry of a space.
    #[must_use]
    pub fn start(space_id: &SpaceId) -> Self {
        Self {
            seq: 0,
            root: empty_root(space_id),
        }
    }

    /// The cursor after one more entry.
    #[must_use]
    pub fn after(&self, event_id: &EventId) -> Self {
        let seq = self.seq + 1;
        Self {
            seq,
            root: next_root(&self.root, seq, event_id),
        }
    }
}
