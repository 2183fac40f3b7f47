//! How much may be published and signalled in a time.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::limits;

use super::{LogError, LogLimits};
use crate::spaces::Party;

/// Seconds' worth that may come at once.
const BURST_SECONDS: u32 = 10;

/// The rates of this relay. With several relays each counts by itself.
pub(super) struct Rates {
    entries_of_party: Rate<Party>,
    entries_of_space: Rate<SpaceId>,
    signals_of_party: Rate<Party>,
}

impl Rates {
    pub(super) fn new(limits: &LogLimits) -> Self {
        Self {
            entries_of_party: Rate::per_second(limits.entries_per_second_per_account),
            entries_of_space: Rate::per_second(limits.entries_per_second_per_space),
            signals_of_party: Rate::per_second(limits.signals_per_second_per_account),
        }
    }

    /// Counts the entries of a publish: for who publishes, and for the space if the author is known to be a member. Else
    /// anybody who has heard of a space could use up what its members may write.
    pub(super) fn publish(
        &self,
        party: Party,
        space: Option<SpaceId>,
        entries: usize,
    ) -> Result<(), LogError> {
        // One without entries costs a look at the space all the same.
        let entries = u32::try_from(entries).ok().and_then(NonZeroU32::new);
        let entries = entries.unwrap_or(NonZeroU32::MIN);
        self.entries_of_party.take(&party, entries)?;
        space.map_or(Ok(()), |space| self.entries_of_space.take(&space, entries))
    }

    /// Counts a signal.
    pub(super) fn signal(&self, party: Party) -> Result<(), LogError> {
        self.signals_of_party.take(&party, NonZeroU32::MIN)
    }

    /// Forgets those who have been quiet for so long that they have their full burst again.
    pub(super) fn forget_quiet(&self) {
        self.entries_of_party.forget_quiet();
        self.entries_of_space.forget_quiet();
        self.signals_of_party.forget_quiet();
    }
}

/// How often each of many keys may do something.
pub(super) struct Rate<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    /// Lets the largest publish through at once, however slow the rate.
    pub(super) fn per_second(rate: NonZeroU32) -> Self {
        let largest = u32::try_from(limits::MAX_ENTRIES_PER_PUBLISH).unwrap_or(u32::MAX);
        let burst = rate.get().saturating_mul(BURST_SECONDS).max(largest);
        let quota = Quota::per_second(rate).allow_burst(NonZeroU32::new(burst).unwrap_or(rate));
        Self {
            limiter: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    pub(super) fn take(&self, key: &K, count: NonZeroU32) -> Result<(), LogError> {
        let retry_after = match self.limiter.check_key_n(key, count) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(not_until)) => not_until.wait_time_from(self.clock.now()),
            Err(_) => Duration::from_secs(u64::from(BURST_SECONDS)),
        };
        Err(LogError::RateLimited { retry_after })
    }

    pub(super) fn forget_quiet(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::ids::AccountId;

    use super::*;

    #[test]
    fn what_agents_use_up_is_not_their_owners() {
        let rates = Rates::new(&LogLimits {
            entries_per_second_per_account: NonZeroU32::MIN,
            signals_per_second_per_account: NonZeroU32::MIN,
            ..LogLimits::default()
        });
        let account = AccountId::new([1; 16]);
        let (agents, owner) = (Party::AgentsOf(account), Party::Person(account));
        while rates.signal(agents).is_ok() {}
        while rates.publish(agents, None, 100).is_ok() {}
        assert_eq!(rates.signal(owner), Ok(()));
        assert_eq!(rates.publish(owner, None, 100), Ok(()));
    }
}
