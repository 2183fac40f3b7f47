//! When to try again: full jitter, so that a relay that comes back is not met by everyone at once.
//!
//! Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use std::time::Duration;

use rand::{Rng, RngExt};
use tokio::time::Instant;

use crate::weakened::IS_WEAKENED;

const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(60);
/// Longest wait that a relay may ask for.
const HINT_CAP: Duration = Duration::from_secs(10 * 60);

/// How often failures are forgiven in a row, and after how long once more: a relay that is of use and cuts connections has this
/// device come back no more often for long.
const FORGIVEN: u32 = 32;
const FORGIVEN_AGAIN: Duration = Duration::from_secs(60);

/// Delays that grow with every failure in a row.
pub(crate) struct Backoff<R> {
    rng: R,
    failures: u32,
    forgiven: u32,
    forgiven_since: Instant,
}

impl<R: Rng> Backoff<R> {
    /// No failure yet.
    pub(crate) fn new(rng: R) -> Self {
        Self {
            rng,
            failures: 0,
            forgiven: 0,
            forgiven_since: Instant::now(),
        }
    }

    /// The source of chance.
    pub(crate) fn rng(&mut self) -> &mut R {
        &mut self.rng
    }

    /// Forgets half of the failures: what failed in the end was of use before. Not without end.
    pub(crate) fn forgive(&mut self) {
        while self.forgiven > 0 && self.forgiven_since.elapsed() >= FORGIVEN_AGAIN {
            self.forgiven -= 1;
            self.forgiven_since += FORGIVEN_AGAIN;
        }
        if self.forgiven == 0 {
            self.forgiven_since = Instant::now();
        }
        if self.forgiven < FORGIVEN {
            self.forgiven += 1;
            self.failures /= 2;
        }
    }

    /// Forgets the failures.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait before the next attempt: `rand(0, min(60 s, 0.5 s * 2^n))`. The relay's hint wins the first time; after that it can
    /// make the wait longer and not shorter, or a relay could have this device come back as often as it likes.
    pub(crate) fn next_delay(&mut self, hint: Option<Duration>) -> Duration {
        let ceiling = BASE.saturating_mul(2_u32.saturating_pow(self.failures)).min(CAP);
        let is_first = self.failures == 0;
        self.failures = self.failures.saturating_add(1);
        let own = self.rng.random_range(Duration::ZERO..=ceiling);
        match hint.map(|hint| hint.min(HINT_CAP)) {
            Some(hint) if is_first || IS_WEAKENED => hint,
            Some(hint) => hint.max(own),
            None => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn delays_stay_below_a_ceiling_that_doubles_up_to_a_minute() {
        let ceilings = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
        let mut highest = [Duration::ZERO; 9];
        for seed in 0..200 {
            let mut backoff = Backoff::new(StdRng::seed_from_u64(seed));
            for (attempt, ceiling) in ceilings.into_iter().enumerate() {
                let delay = backoff.next_delay(None);
                assert!(delay <= Duration::from_millis(ceiling));
                highest[attempt] = highest[attempt].max(delay);
            }
        }
        for (highest, ceiling) in highest.into_iter().zip(ceilings) {
            assert!(
                highest > Duration::from_millis(ceiling * 9 / 10),
                "the whole range is used"
            );
        }
    }

    #[test]
    fn hint_of_the_relay_wins_within_reason() {
        let mut backoff = Backoff::new(StdRng::seed_from_u64(1));
        let hint = Duration::from_secs(90);
        assert_eq!(backoff.next_delay(Some(hint)), hint);
        assert_eq!(backoff.next_delay(Some(Duration::MAX)), HINT_CAP);
    }

    #[test]
    fn hint_that_comes_again_and_again_shortens_nothing() {
        let mut backoff = Backoff::new(StdRng::seed_from_u64(1));
        let waited: Duration = (0..12).map(|_| backoff.next_delay(Some(Duration::ZERO))).sum();
        assert!(waited > Duration::from_secs(30), "{waited:?}");
    }

    #[test]
    fn failures_that_were_of_use_before_stay_cheap() {
        let mut backoff = Backoff::new(StdRng::seed_from_u64(1));
        for _ in 0..FORGIVEN {
            backoff.forgive();
            assert!(backoff.next_delay(None) <= BASE * 2);
        }
    }

    #[test]
    fn success_starts_from_the_beginning() {
        let mut backoff = Backoff::new(StdRng::seed_from_u64(1));
        for _ in 0..40 {
            backoff.next_delay(None);
        }
        backoff.reset();
        assert!(backoff.next_delay(None) <= BASE);
    }
}
