//! How much of everything is done: in minutes, in an hour, or just enough to see that it works.

use serde::Serialize;

use crate::measure::Times;

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Minutes: for a look.
    Quick,
    /// An hour and a half or more: medians of five interleaved runs or more.
    Full,
    /// A few seconds: whether the row works. Its numbers mean nothing.
    Smoke,
}

/// The sizes of a mode.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The mode.
    pub mode: Mode,
    /// How often each contestant runs; the contestants take turns.
    pub rounds: usize,
    /// Of each run.
    pub times: Times,
    /// Sockets that publish at once.
    pub writers: usize,
    /// Sockets that read one space.
    pub readers: usize,
    /// Events that are replayed to a socket.
    pub replayed: usize,
    /// Events that the SDK reads.
    pub replayed_by_sdk: usize,
    /// Sockets that do nothing.
    pub idle: usize,
    /// Readers that hardly read, beside honest people.
    pub slow_readers: usize,
    /// Sockets that only ping, beside honest people.
    pub flooders: usize,
    /// Of honest people beside those: a slow reader comes back every 15 seconds or so, and all of them should once.
    pub beside_crowd: Times,
    /// Spaces that a relay has when it is started anew.
    pub cold_spaces: usize,
    most_spaces: usize,
}

impl Plan {
    /// That of a mode.
    #[must_use]
    pub fn of(mode: Mode) -> Self {
        match mode {
            Mode::Quick => Self {
                mode,
                rounds: 3,
                times: Times::of(500, 2_500),
                writers: 64,
                readers: 200,
                replayed: 100_000,
                replayed_by_sdk: 20_000,
                idle: 1_000,
                slow_readers: 500,
                flooders: 50,
                beside_crowd: Times::of(5_000, 15_000),
                cold_spaces: 1_000,
                most_spaces: 1_000,
            },
            Mode::Full => Self {
                rounds: 5,
                times: Times::of(2_000, 10_000),
                replayed_by_sdk: 100_000,
                idle: 10_000,
                beside_crowd: Times::of(5_000, 30_000),
                cold_spaces: 10_000,
                mode,
                ..Self::of(Mode::Quick)
            },
            Mode::Smoke => Self {
                mode,
                rounds: 1,
                times: Times::of(50, 200),
                writers: 2,
                readers: 3,
                replayed: 200,
                replayed_by_sdk: 50,
                idle: 5,
                slow_readers: 4,
                flooders: 2,
                beside_crowd: Times::of(50, 400),
                cold_spaces: 5,
                most_spaces: 3,
            },
        }
    }

    /// The same with so many writers.
    #[must_use]
    pub fn with_writers(self, writers: usize) -> Self {
        Self { writers, ..self }
    }

    /// At how many spaces a row runs that asks for `spaces`.
    #[must_use]
    pub fn spaces(&self, spaces: usize) -> usize {
        spaces.min(self.most_spaces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_run_has_medians_of_five_at_least() {
        let plan = Plan::of(Mode::Full);
        assert!(plan.rounds >= 5 && plan.mode == Mode::Full);
        assert_eq!((plan.writers, plan.readers, plan.replayed), (64, 200, 100_000));
        assert_eq!(plan.spaces(1_000), 1_000);
    }
}
