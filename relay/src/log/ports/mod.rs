//! What the log needs of a store: one trait per table family.
//!
//! Everything that goes in or comes out is sealed, except numbers, sizes, times and pseudonymous ids.

mod events;
mod shreds;
mod snapshots;
mod spaces;
mod wraps;

use futures_util::future::BoxFuture;

pub use events::{
    Append, Appended, CarriedWrap, ControlEffects, EventRow, EventStore, LockedSpace, NewEvent, PageLimits,
};
pub use shreds::{
    OptionalShredLedger, Prepared, PreparedShred, ShredLedger, ShredLedgerError, ShredStore, Tombstone,
};
pub use snapshots::{NewSnapshot, SnapshotRow, SnapshotStore};
pub use spaces::{AccountUsage, Created, DroppedCiphertext, NewSpace, RetentionSpace, SpaceRow, SpaceStore};
pub use wraps::{NamedWraps, NewWrap, StageRefusal, StagedWrap, Staging, WrapRequestRow, WrapRow, WrapStore};

use crate::store_failure::{StoreError, StoreFailure};

/// What a method of a store returns that cannot refuse.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreFailure>>;

/// What a method of a store returns that can refuse.
pub type StoredOr<'a, T, R> = BoxFuture<'a, Result<T, StoreError<R>>>;

/// The number of a space within this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceNumber(pub i64);

/// All of them.
pub trait LogStore: EventStore + SpaceStore + SnapshotStore + WrapStore + ShredStore {}

impl<S: EventStore + SpaceStore + SnapshotStore + WrapStore + ShredStore> LogStore for S {}
