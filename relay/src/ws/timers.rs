//! When a socket must ping, and when it has waited long enough for its client.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::entropy::Entropy;

/// Pings that may stay unanswered.
const MAX_MISSED: u32 = 2;

/// Why a socket was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// It is time to ping.
    Ping,
    /// The client answered no pings, or takes nothing.
    TooSlow,
    /// The session is over.
    SessionExpired,
}

/// All deadlines of one socket on one timer.
#[derive(Debug)]
pub struct Timers {
    interval: Duration,
    write_timeout: Duration,
    next_ping: Instant,
    missed: u32,
    expires: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
}

impl Timers {
    /// Deadlines from now on. The first ping comes at a random time within the interval, so that sockets opened
    /// together, after a restart of the relay say, do not ping together.
    #[must_use]
    pub fn new(
        interval: Duration,
        write_timeout: Duration,
        expires_in: Duration,
        entropy: &dyn Entropy,
    ) -> Self {
        let now = Instant::now();
        let next_ping = now + random_below(interval, entropy);
        Self {
            interval: interval * 9 / 10 + random_below(interval / 5, entropy),
            write_timeout,
            next_ping,
            missed: 0,
            expires: now.checked_add(expires_in),
            sleep: Box::pin(sleep_until(next_ping)),
        }
    }

    /// The client gave a sign of life.
    pub fn heard(&mut self) {
        self.missed = 0;
    }

    /// Waits for the next deadline. `waiting_since` tells since when the client takes nothing. May be cancelled.
    pub async fn next(&mut self, waiting_since: Option<Instant>) -> Timeout {
        loop {
            let now = Instant::now();
            if let Some(timeout) = self.due(now, waiting_since) {
                return timeout;
            }
            // The timer is only ever moved forward to a deadline that comes sooner; if it fires for one that has gone,
            // the loop looks again. So the hot path, where something waits for microseconds, leaves it alone.
            let deadline = self.earliest(waiting_since);
            if deadline < self.sleep.deadline() || self.sleep.is_elapsed() {
                self.sleep.as_mut().reset(deadline);
            }
            self.sleep.as_mut().await;
        }
    }

    fn due(&mut self, now: Instant, waiting_since: Option<Instant>) -> Option<Timeout> {
        if self.expires.is_some_and(|expires| expires <= now) {
            return Some(Timeout::SessionExpired);
        }
        if waiting_since.is_some_and(|since| since + self.write_timeout <= now) {
            return Some(Timeout::TooSlow);
        }
        if self.next_ping > now {
            return None;
        }
        self.next_ping = now + self.interval;
        self.missed += 1;
        Some(if self.missed > MAX_MISSED {
            Timeout::TooSlow
        } else {
            Timeout::Ping
        })
    }

    fn earliest(&self, waiting_since: Option<Instant>) -> Instant {
        let write = waiting_since.map(|since| since + self.write_timeout);
        [write, self.expires]
            .into_iter()
            .flatten()
            .fold(self.next_ping, Instant::min)
    }
}

/// A duration below `limit`, evenly spread.
pub fn random_below(limit: Duration, entropy: &dyn Entropy) -> Duration {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    limit.mul_f64(f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    const INTERVAL: Duration = Duration::from_secs(25);
    const WRITE: Duration = Duration::from_secs(10);
    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(86_400);
    /// The timer's resolution, twice.
    const TICK: Duration = Duration::from_millis(2);

    fn timers(expires_in: Duration) -> Timers {
        Timers::new(INTERVAL, WRITE, expires_in, &SystemEntropy)
    }

    #[tokio::test(start_paused = true)]
    async fn two_unanswered_pings_are_too_many() {
        let start = Instant::now();
        let mut timers = timers(DAY);
        assert_eq!(timers.next(None).await, Timeout::Ping);
        assert!(start.elapsed() <= INTERVAL);
        timers.heard();
        assert_eq!(timers.next(None).await, Timeout::Ping);
        assert_eq!(timers.next(None).await, Timeout::Ping);
        assert_eq!(timers.next(None).await, Timeout::TooSlow);
        assert!(start.elapsed() <= INTERVAL * 9 / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_takes_nothing_is_too_slow() {
        let mut timers = timers(DAY);
        let since = Instant::now();
        while timers.next(Some(since)).await == Timeout::Ping {
            timers.heard();
        }
        assert!(since.elapsed() >= WRITE && since.elapsed() < WRITE + TICK);
    }

    #[tokio::test(start_paused = true)]
    async fn session_ends_on_time() {
        let mut timers = timers(MINUTE);
        let start = Instant::now();
        while timers.next(None).await == Timeout::Ping {
            timers.heard();
        }
        assert!(start.elapsed() >= MINUTE && start.elapsed() < MINUTE + TICK);
        assert_eq!(timers.next(None).await, Timeout::SessionExpired);
    }
}
