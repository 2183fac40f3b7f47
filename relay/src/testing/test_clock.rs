use std::sync::Mutex;

use time::{Duration, OffsetDateTime, macros::datetime};

use crate::clock::Clock;

/// A wall clock that stands still until a test moves it.
pub struct TestClock(Mutex<OffsetDateTime>);

impl TestClock {
    /// A clock that shows an afternoon in November.
    pub fn new() -> Self {
        Self(Mutex::new(datetime!(2026-11-20 15:30:20 UTC)))
    }

    /// Moves the clock ahead.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}
