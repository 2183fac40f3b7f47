//! What time of day it is: an argument, so that a test can decide it. What measures durations takes
//! `tokio::time::Instant`, which tests can pause.

use time::OffsetDateTime;

/// A wall clock.
pub trait Clock: Send + Sync {
    /// The time of day, UTC.
    fn now(&self) -> OffsetDateTime;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the relay's one reader of the wall clock"
    )]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}
