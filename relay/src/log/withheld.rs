//! Spaces that are not served: the shred ledger says that they were deleted, and nothing confirms or denies it, or there is
//! nothing of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sealpost_protocol::ids::SpaceId;

/// Which, and the record that is said to have deleted each.
#[derive(Default)]
pub(super) struct Withheld(Mutex<HashMap<SpaceId, Bytes>>);

impl Withheld {
    pub(super) fn insert(&self, space_id: SpaceId, record: Bytes) {
        self.lock().insert(space_id, record);
    }

    pub(super) fn get(&self, space_id: &SpaceId) -> Option<Bytes> {
        self.lock().get(space_id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SpaceId, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
