//! How far it grows.

use std::fmt;

use crate::{measure::Times, stage::MESSAGE};

/// The sizes of a proof.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Pairs of runs at each step.
    pub rounds: usize,
    /// Of each run.
    pub times: Times,
    /// Sockets that publish at once.
    pub writers: usize,
    /// Spaces that are written to.
    pub spaces: usize,
    /// Spaces in which the ballast lies.
    pub ballast_spaces: u32,
    /// What the database grows to, step by step, from the first on.
    pub ladders: Vec<Ladder>,
}

/// Steps of one kind; each ladder begins anew at the first size.
#[derive(Clone, Debug)]
pub enum Ladder {
    /// Stored events.
    Events(Vec<Events>),
    /// Spaces that there are.
    Spaces(Vec<u64>),
}

/// So many events in all, of which those that are new have bodies of so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Events {
    /// How many.
    pub count: u64,
    /// What an application put into each of them.
    pub body: usize,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub enum Growth {
    /// To so many events.
    Events(Events),
    /// To so many spaces.
    Spaces(u64),
}

impl Ladder {
    /// Its steps.
    #[must_use]
    pub fn steps(&self) -> Vec<Growth> {
        match self {
            Self::Events(steps) => steps.iter().copied().map(Growth::Events).collect(),
            Self::Spaces(steps) => steps.iter().copied().map(Growth::Spaces).collect(),
        }
    }
}

impl Growth {
    /// What grows.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Events(_) => "events",
            Self::Spaces(_) => "spaces",
        }
    }

    /// Bytes of the bodies of the events that are added.
    #[must_use]
    pub fn body(&self) -> usize {
        match self {
            Self::Events(events) => events.body,
            Self::Spaces(_) => MESSAGE,
        }
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(Events { count, body }) => write!(f, "{count} events, new ones of {body} bytes"),
            Self::Spaces(count) => write!(f, "{count} spaces"),
        }
    }
}

impl Scale {
    /// That of the issue: 1 to 10 million events and on to 50 million smaller ones; 1,000 to 100,000 spaces.
    #[must_use]
    pub fn full() -> Self {
        let events = |millions: u64, body| Events {
            count: millions * 1_000_000,
            body,
        };
        Self {
            rounds: 5,
            times: Times::of(1_000, 5_000),
            writers: 64,
            spaces: 1_000,
            ballast_spaces: 100,
            ladders: vec![
                Ladder::Events(vec![
                    events(1, 1_024),
                    events(3, 1_024),
                    events(10, 1_024),
                    events(50, 256),
                ]),
                Ladder::Spaces(vec![1_000, 10_000, 100_000]),
            ],
        }
    }

    /// Whether it works; its numbers mean nothing.
    #[must_use]
    pub fn short() -> Self {
        let events = |count, body| Events { count, body };
        Self {
            rounds: 1,
            times: Times::of(50, 200),
            writers: 2,
            spaces: 3,
            ballast_spaces: 4,
            ladders: vec![
                Ladder::Events(vec![events(100, 1_024), events(300, 256)]),
                Ladder::Spaces(vec![5, 20]),
            ],
        }
    }

    /// How many events there are at the first step.
    #[must_use]
    pub fn first(&self) -> Events {
        let first = self.ladders.iter().find_map(|ladder| match ladder {
            Ladder::Events(steps) => steps.first(),
            Ladder::Spaces(_) => None,
        });
        *first.expect("the first ladder is one of events")
    }
}
