//! Token buckets, as the moment at which the bucket is full again (GCRA): one `Instant` of state, no timer.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

/// How much of something a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// In the long run, per second.
    pub per_second: NonZeroU32,
    /// At once, after a quiet time.
    pub burst: NonZeroU32,
}

impl Rate {
    /// `per_second` in the long run, `burst` at once.
    ///
    /// # Panics
    /// If one of them is zero; for constants.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: NonZeroU32::new(per_second).expect("a rate is not zero"),
            burst: NonZeroU32::new(burst).expect("a burst is not zero"),
        }
    }

    fn time_for(self, cost: u64) -> Duration {
        Duration::from_nanos(cost.saturating_mul(1_000_000_000) / u64::from(self.per_second.get()))
    }
}

/// A bucket of one [`Rate`].
#[derive(Debug)]
pub struct TokenBucket {
    rate: Rate,
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    /// Takes `cost` tokens if they are there.
    ///
    /// # Errors
    /// The time until they will be; nothing was taken then.
    pub fn take(&mut self, cost: u64, now: Instant) -> Result<(), Duration> {
        let before = self.full_at;
        let wait = self.charge(cost, now);
        if wait.is_zero() {
            return Ok(());
        }
        self.full_at = before;
        Err(wait)
    }

    /// Takes `cost` tokens, into debt if they are not there, and says how long it takes to be out of debt.
    pub fn charge(&mut self, cost: u64, now: Instant) -> Duration {
        self.full_at = self.full_at.max(now) + self.rate.time_for(cost);
        let burst = self.rate.time_for(self.rate.burst.get().into());
        self.full_at.saturating_duration_since(now + burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(10, 3);

    #[test]
    fn burst_is_given_at_once_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        for _ in 0..3 {
            assert_eq!(bucket.take(1, start), Ok(()));
        }
        assert_eq!(bucket.take(1, start), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(1, start + Duration::from_millis(100)), Ok(()));
        assert!(bucket.take(1, start + Duration::from_millis(100)).is_err());
    }

    #[test]
    fn quiet_time_fills_no_more_than_the_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        let later = start + Duration::from_secs(3600);
        assert_eq!(bucket.take(3, later), Ok(()));
        assert!(bucket.take(1, later).is_err());
    }

    #[test]
    fn debt_is_paid_back_at_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        assert_eq!(bucket.charge(13, start), Duration::from_secs(1));
        assert_eq!(bucket.charge(0, start + Duration::from_secs(1)), Duration::ZERO);
    }
}
