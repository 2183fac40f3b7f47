//! How often, and how soon, a failed call is tried again.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::entropy::Entropy;

/// Attempts after the first.
const RETRIES: u32 = 3;
/// The longest first delay; each later one may be twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// From then on nothing is tried again: somebody is waiting.
const BUDGET: Duration = Duration::from_secs(5);

/// Retries with full jitter: any delay up to the longest, so that callers who failed together do not come
/// back together.
pub(super) struct Patience {
    entropy: Arc<dyn Entropy>,
}

impl Patience {
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }

    /// The retries of one call.
    pub(super) fn start(&self) -> Retries<'_> {
        Retries {
            entropy: &*self.entropy,
            started: Instant::now(),
            made: 0,
        }
    }
}

/// The retries of one call.
pub(super) struct Retries<'a> {
    entropy: &'a dyn Entropy,
    started: Instant,
    made: u32,
}

impl Retries<'_> {
    /// Waits until it is time for the next attempt; `false`, at once, when there is to be none.
    pub(super) async fn wait(&mut self) -> bool {
        let delay = jitter(self.entropy, FIRST_DELAY * 2u32.pow(self.made));
        if self.made >= RETRIES || self.started.elapsed() + delay > BUDGET {
            return false;
        }
        self.made += 1;
        sleep(delay).await;
        true
    }
}

/// A random share of `longest`.
pub(super) fn jitter(entropy: &dyn Entropy, longest: Duration) -> Duration {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    longest.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant(u8);

    impl Entropy for Constant {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0);
        }
    }

    async fn time_of_all_retries(entropy: u8) -> (u32, Duration) {
        let patience = Patience::new(Arc::new(Constant(entropy)));
        let (started, mut retries) = (Instant::now(), patience.start());
        let mut count = 0;
        while retries.wait().await {
            count += 1;
        }
        (count, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_few_and_end_soon() {
        assert_eq!(time_of_all_retries(0x00).await, (3, Duration::ZERO));
        assert_eq!(time_of_all_retries(0xff).await, (3, Duration::from_millis(700)));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_failures_use_up_the_budget() {
        let patience = Patience::new(Arc::new(Constant(0)));
        let mut retries = patience.start();
        tokio::time::advance(BUDGET).await;
        assert!(retries.wait().await);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!retries.wait().await);
    }
}
