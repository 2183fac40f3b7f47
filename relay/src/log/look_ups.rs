//! How much one person, or the agents of one, may ask of the database, over all their sockets.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LogError;
use super::rates::Rate;
use crate::spaces::Party;

/// Look-ups of one party at once; further ones wait. A fraction of the connections to the database, so that one with many
/// sockets cannot hold them all.
const AT_ONCE: usize = 2;

/// The look-ups of everybody.
pub(super) struct LookUps {
    rate: Rate<Party>,
    running: Mutex<HashMap<Party, Arc<Semaphore>>>,
}

impl LookUps {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self {
            rate: Rate::per_second(per_second),
            running: Mutex::default(),
        }
    }

    /// Waits until the party may look something up; it does while it keeps what this returns.
    ///
    /// # Errors
    /// [`LogError::RateLimited`], at once.
    pub(super) async fn turn(&self, party: Party) -> Result<OwnedSemaphorePermit, LogError> {
        self.rate.take(&party, NonZeroU32::MIN)?;
        self.seat(party).await
    }

    /// The same for what is not counted, since it takes no request: the pages of a log that is replayed.
    ///
    /// # Errors
    /// None but in a relay that is ending.
    pub(super) async fn seat(&self, party: Party) -> Result<OwnedSemaphorePermit, LogError> {
        let turns = self.turns_of(party);
        turns.acquire_owned().await.map_err(|_| LogError::Internal)
    }

    /// A seat that is free now, for what is not waited for.
    pub(super) fn free_seat(&self, party: Party) -> Option<OwnedSemaphorePermit> {
        self.turns_of(party).try_acquire_owned().ok()
    }

    /// Forgets those who look nothing up now, and those who have their full burst again.
    pub(super) fn forget_quiet(&self) {
        self.rate.forget_quiet();
        // Whoever has a turn or waits for one holds the semaphore too.
        self.running().retain(|_, turns| Arc::strong_count(turns) > 1);
    }

    fn turns_of(&self, party: Party) -> Arc<Semaphore> {
        let mut running = self.running();
        let turns = running
            .entry(party)
            .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
        Arc::clone(turns)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Party, Arc<Semaphore>>> {
        self.running
            .lock()
            .expect("nothing panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use sealpost_protocol::ids::AccountId;

    use super::*;

    #[tokio::test]
    async fn an_account_has_a_few_look_ups_at_once_and_others_do_not_wait_for_it() {
        let look_ups = LookUps::new(NonZeroU32::MIN);
        let account = AccountId::new([1; 16]);
        let (one, other) = (Party::AgentsOf(account), Party::Person(account));
        let mut turns = Vec::new();
        for _ in 0..AT_ONCE {
            turns.push(look_ups.turn(one).await.unwrap());
        }
        assert!(look_ups.turn(one).now_or_never().is_none());
        assert!(look_ups.turn(other).now_or_never().is_some());
        look_ups.forget_quiet();
        assert!(
            look_ups.turn(one).now_or_never().is_none(),
            "it still has its turns"
        );
        turns.pop();
        assert!(look_ups.turn(one).now_or_never().is_some());
        drop(turns);
        look_ups.forget_quiet();
        assert!(look_ups.running().is_empty());
    }

    #[tokio::test]
    async fn pages_of_a_replay_are_not_counted_and_take_turns_all_the_same() {
        let look_ups = LookUps::new(NonZeroU32::MIN);
        let party = Party::Person(AccountId::new([1; 16]));
        while look_ups.turn(party).await.is_ok() {}
        let mut seats = Vec::new();
        for _ in 0..AT_ONCE {
            seats.push(look_ups.seat(party).await.unwrap());
        }
        assert!(look_ups.seat(party).now_or_never().is_none());
    }
}
