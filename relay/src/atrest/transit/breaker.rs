//! A circuit breaker: while OpenBao does not answer or refuses us, callers are told at once instead of each
//! waiting in vain, and an OpenBao that comes back meets one question, not all of them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::patience::jitter;
use crate::{atrest::key_wrapper::KeyWrapError, entropy::Entropy};

/// Failed calls in a row, each with its retries, that open the breaker.
const FAILURES_TO_OPEN: u32 = 3;
/// How long it stays open at first; twice as long after each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long it stays open at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The breaker.
pub(super) struct Breaker {
    entropy: Arc<dyn Entropy>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    open: Option<Open>,
}

/// Until when callers are told what.
struct Open {
    until: Instant,
    error: KeyWrapError,
}

impl Breaker {
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            entropy,
            state: Mutex::default(),
        }
    }

    /// Lets a call pass, or tells it what the last one was told. After a pause one caller passes and tries it
    /// for all.
    pub(super) fn admit(&self) -> Result<(), KeyWrapError> {
        let now = Instant::now();
        let mut state = self
            .state
            .lock()
            .expect("no code panics while it holds this lock");
        let pause = self.pause(state.failures);
        match &mut state.open {
            Some(open) if now < open.until => Err(open.error.clone()),
            Some(open) => {
                open.until = now + pause;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes note of how a call ended.
    pub(super) fn note(&self, error: Option<&KeyWrapError>) {
        let mut state = self
            .state
            .lock()
            .expect("no code panics while it holds this lock");
        let Some(error) = error.filter(|error| error.is_outage()) else {
            *state = State::default();
            return;
        };
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_TO_OPEN {
            let until = Instant::now() + self.pause(state.failures);
            state.open = Some(Open {
                until,
                error: error.clone(),
            });
        }
    }

    /// Between half of the pause and the whole.
    fn pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(FAILURES_TO_OPEN).min(5);
        let pause = (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE);
        pause / 2 + jitter(&*self.entropy, pause / 2)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::entropy::SystemEntropy;

    fn breaker_after(failures: u32) -> Breaker {
        let breaker = Breaker::new(Arc::new(SystemEntropy));
        for _ in 0..failures {
            breaker.note(Some(&KeyWrapError::Unavailable("sealed".into())));
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_failures_do_not_open_it() {
        assert!(breaker_after(FAILURES_TO_OPEN - 1).admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_one_caller_passes() {
        let breaker = breaker_after(FAILURES_TO_OPEN);
        assert!(breaker.admit().is_err());
        advance(FIRST_PAUSE).await;
        assert!(breaker.admit().is_ok());
        assert!(breaker.admit().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_grows_to_its_limit() {
        let breaker = breaker_after(FAILURES_TO_OPEN + 4);
        advance(FIRST_PAUSE * 7).await;
        assert!(breaker.admit().is_err());
        let breaker = breaker_after(1_000);
        advance(LONGEST_PAUSE).await;
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_credential_opens_it_too_and_is_told_to_all() {
        let breaker = breaker_after(0);
        let denied = KeyWrapError::Denied("revoked".into());
        for _ in 0..FAILURES_TO_OPEN {
            breaker.note(Some(&denied));
        }
        assert_eq!(breaker.admit(), Err(denied));
    }

    #[tokio::test(start_paused = true)]
    async fn any_answer_closes_it() {
        for answer in [None, Some(&KeyWrapError::Corrupt("altered".into()))] {
            let breaker = breaker_after(1_000);
            breaker.note(answer);
            assert!(breaker.admit().is_ok());
        }
    }
}
