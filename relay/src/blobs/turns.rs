//! One after the other, for each blob.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, MutexGuard};

use sealpost_protocol::ids::BlobId;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::log::ports::SpaceNumber;

type Key = (SpaceNumber, BlobId);

/// Who waits to deal with which blob in this process.
#[derive(Default)]
pub struct Turns(Lock<HashMap<Key, Arc<Mutex<()>>>>);

impl Turns {
    /// Waits until nobody else deals with the blob.
    pub(super) async fn of(&self, space: SpaceNumber, blob_id: BlobId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.lock();
            // Whoever has a turn or waits for one holds it, too.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry((space, blob_id)).or_default())
        };
        turn.lock_owned().await
    }

    /// How many have a turn or wait for one.
    #[cfg(test)]
    pub(super) fn holders(&self) -> usize {
        let turns = self.lock();
        turns.values().map(|turn| Arc::strong_count(turn) - 1).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Mutex<()>>>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_blob_has_one_turn_at_a_time_and_others_do_not_wait() {
        let turns = Turns::default();
        let blob = |id| turns.of(SpaceNumber(1), BlobId::new([id; 16]));
        let first = blob(1).await;
        assert!(blob(1).now_or_never().is_none());
        assert!(blob(2).now_or_never().is_some());
        drop(first);
        assert!(blob(1).now_or_never().is_some());
        assert!(turns.lock().len() <= 1);
    }
}
