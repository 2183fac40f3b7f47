//! Rate limits in constant memory.
//!
//! The generic cell rate algorithm needs one number per key: when its bucket will be full again. The numbers
//! stand in a table of fixed size, found by a keyed hash of the key. Two keys in one place share a bucket,
//! which makes the limit stricter for both, never looser; nobody outside can tell which keys do. So an
//! attacker with many addresses or handles costs no memory and cannot push anybody's bucket out.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// Buckets per limiter: 64 KiB of memory.
const BUCKETS: usize = 8192;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many times at once.
    pub burst: u32,
    /// How long until one of them comes back.
    pub refill: Duration,
}

impl Rate {
    /// `burst` times at once, and over time `burst` times per `period`.
    pub fn per(period: Duration, burst: u32) -> Self {
        Self {
            burst,
            refill: period / burst.max(1),
        }
    }
}

/// Limits how often something may happen per key.
pub(crate) struct Limiter {
    rate: Rate,
    began: Instant,
    hasher: RandomState,
    full_at: Box<[AtomicU64]>,
}

impl Limiter {
    /// Every bucket is full.
    pub(crate) fn new(rate: Rate) -> Self {
        let full_at = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self {
            rate,
            began: Instant::now(),
            hasher: RandomState::new(),
            full_at,
        }
    }

    /// Takes one from the bucket of `key`.
    ///
    /// # Errors
    /// The time until there is one, if there is none. Nothing is taken then.
    pub(crate) fn take(&self, key: &[u8]) -> Result<(), Duration> {
        self.take_within(key, Duration::ZERO).map(drop)
    }

    /// Takes one from the bucket of `key`, in advance if there is none: gives the time until there will have been one.
    ///
    /// # Errors
    /// The time until it would be worth another try, if that is longer than `patience`. Nothing is taken then.
    pub(crate) fn take_within(&self, key: &[u8], patience: Duration) -> Result<Duration, Duration> {
        let now = nanoseconds(self.began.elapsed());
        let refill = nanoseconds(self.rate.refill);
        let full = now.saturating_add(refill.saturating_mul(u64::from(self.rate.burst)));
        let latest = full.saturating_add(nanoseconds(patience));
        let after = |full_at: u64| full_at.max(now).saturating_add(refill);
        let next = |full_at: u64| Some(after(full_at)).filter(|next| *next <= latest);
        match self
            .bucket(key)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
        {
            Ok(before) => Ok(Duration::from_nanos(after(before).saturating_sub(full))),
            Err(full_at) => Err(Duration::from_nanos(after(full_at).saturating_sub(latest))),
        }
    }

    /// Gives back what [`Self::take`] took.
    pub(crate) fn give_back(&self, key: &[u8]) {
        let refill = nanoseconds(self.rate.refill);
        let before = |full_at: u64| Some(full_at.saturating_sub(refill));
        // It always has a value to store.
        let _ = self
            .bucket(key)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, before);
    }

    fn bucket(&self, key: &[u8]) -> &AtomicU64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        let place = hasher.finish() % (BUCKETS as u64);
        &self.full_at[usize::try_from(place).expect("a remainder of BUCKETS fits")]
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        refill: Duration::from_secs(10),
    };

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_one_per_refill() {
        let limiter = Limiter::new(RATE);
        for _ in 0..3 {
            assert_eq!(limiter.take(b"alice"), Ok(()));
        }
        assert_eq!(limiter.take(b"alice"), Err(Duration::from_secs(10)));
        advance(Duration::from_secs(4)).await;
        assert_eq!(limiter.take(b"alice"), Err(Duration::from_secs(6)));
        advance(Duration::from_secs(6)).await;
        assert_eq!(limiter.take(b"alice"), Ok(()));
        assert!(limiter.take(b"alice").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_takes_in_advance_and_nobody_waits_for_too_long() {
        let limiter = Limiter::new(RATE);
        let seconds = Duration::from_secs;
        let take = || limiter.take_within(b"alice", seconds(20));
        let waits: Vec<_> = (0..5).map(|_| take()).collect();
        assert_eq!(waits, [0, 0, 0, 10, 20].map(|wait| Ok(seconds(wait))));
        assert_eq!(take(), Err(seconds(10)));
        advance(seconds(10)).await;
        assert_eq!(take(), Ok(seconds(20)));
        assert_eq!(limiter.take(b"alice"), Err(seconds(30)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_fills_up_to_the_burst_and_no_further() {
        let limiter = Limiter::new(RATE);
        advance(Duration::from_secs(3600)).await;
        assert_eq!((0..10).filter(|_| limiter.take(b"alice").is_ok()).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_back_can_be_taken_again() {
        let limiter = Limiter::new(RATE);
        for _ in 0..100 {
            assert_eq!(limiter.take(b"alice"), Ok(()));
            limiter.give_back(b"alice");
        }
        assert_eq!((0..10).filter(|_| limiter.take(b"alice").is_ok()).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_cost_nothing() {
        let limiter = Limiter::new(RATE);
        while limiter.take(b"alice").is_ok() {}
        for _ in 0..100 {
            assert_eq!(limiter.take(b"alice"), Err(Duration::from_secs(10)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keys_have_buckets_of_their_own() {
        let limiter = Limiter::new(Rate {
            burst: 1,
            refill: Duration::from_secs(10),
        });
        let passed = (0_u32..100)
            .filter(|key| limiter.take(&key.to_be_bytes()).is_ok())
            .count();
        assert!(
            passed > 90,
            "two keys in one bucket are rare: {passed} of 100 passed"
        );
    }
}
