//! What is put and what goes wrong in a round: all of it follows from the round's seed.

use std::{fmt, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `kill -9` of the relay.
    KillRelay,
    /// `kill -9` of the S3 server.
    KillStore,
    /// `kill -9` of who puts and gets.
    KillClients,
    /// Every connection to the S3 server is cut.
    Cut,
    /// It answers 503.
    Busy,
    /// It takes bytes and gives none, and nobody is told.
    Silent,
}

/// Every kind.
pub(super) const KINDS: [Kind; 6] = [
    Kind::KillRelay,
    Kind::KillStore,
    Kind::KillClients,
    Kind::Cut,
    Kind::Busy,
    Kind::Silent,
];

/// Transfers side by side.
pub(super) const JOBS: usize = 4;
/// Lengths around every border: of nothing, a chunk, a part, and a range that is fetched at once.
const LENGTHS: [usize; 8] = [
    0,
    1,
    65_536,
    300_000,
    (2 << 20) + 1,
    8 << 20,
    (9 << 20) + 5,
    17 << 20,
];

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// When: after so many bytes between clients and S3 server.
    pub(super) after: u64,
    /// Which transfers it strikes, where it strikes those: one bit each, never none.
    struck: u8,
    /// How long it lasts, where it lasts.
    pub(super) lasts: Duration,
}

/// One file's way through a round.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) length: usize,
    /// Draws its bytes.
    pub(super) seed: u64,
    /// What becomes of it.
    pub(super) end: End,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is put, got and kept.
    Kept,
    /// It is put, got and removed.
    Removed,
    /// It is put by one command, which is not said again if it dies.
    Abandoned,
}

/// A round.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// In order.
    pub(super) faults: Vec<Fault>,
}

impl Plan {
    /// Seeds that follow each other go through all kinds of faults, in an order that changes; half of the rounds have a second.
    pub(super) fn of(seed: u64) -> Self {
        let kinds = KINDS.len() as u64;
        let mut order = KINDS;
        order.shuffle(&mut StdRng::seed_from_u64(seed / kinds));
        let mut rng = StdRng::seed_from_u64(seed);
        let first = order[usize::try_from(seed % kinds).expect("below 6")];
        let jobs: Vec<Job> = (0..JOBS).map(|_| Job::draw(&mut rng)).collect();
        let moved: usize = jobs.iter().map(|job| 2 * job.length).sum();
        let mut faults = vec![Fault::draw(first, moved as u64, &mut rng)];
        if rng.random_bool(0.5) {
            let second = KINDS[rng.random_range(0..KINDS.len())];
            faults.push(Fault::draw(second, moved as u64, &mut rng));
        }
        faults.sort_by_key(|fault| fault.after);
        Self { jobs, faults }
    }
}

impl Job {
    fn draw(rng: &mut StdRng) -> Self {
        Self {
            length: LENGTHS[rng.random_range(0..LENGTHS.len())],
            seed: rng.random(),
            end: match rng.random_range(0..8) {
                0 => End::Abandoned,
                1 | 2 => End::Removed,
                _ => End::Kept,
            },
        }
    }

    /// Its bytes.
    pub(super) fn content(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        StdRng::seed_from_u64(self.seed).fill(&mut bytes[..]);
        bytes
    }
}

impl Fault {
    fn draw(kind: Kind, moved: u64, rng: &mut StdRng) -> Self {
        Self {
            kind,
            after: rng.random_range(0..moved.max(1)) * 2 / 3,
            struck: rng.random_range(1..1 << JOBS),
            lasts: Duration::from_millis(rng.random_range(200..1_500)),
        }
    }

    /// Whether it strikes the transfer with this number.
    pub(super) fn strikes(&self, number: usize) -> bool {
        self.struck >> number & 1 == 1
    }
}

impl Kind {
    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillRelay => "kill.relay",
            Self::KillStore => "kill.store",
            Self::KillClients => "kill.clients",
            Self::Cut => "store.cut",
            Self::Busy => "store.busy",
            Self::Silent => "store.silent",
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<&str> = self.faults.iter().map(|fault| fault.kind.name()).collect();
        f.write_str(&faults.join(" + "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_round() {
        assert_eq!(format!("{:?}", Plan::of(7)), format!("{:?}", Plan::of(7)));
        assert_ne!(format!("{:?}", Plan::of(7)), format!("{:?}", Plan::of(8)));
    }

    #[test]
    fn six_rounds_from_a_multiple_of_six_on_have_each_fault() {
        for first in [0, 6, 6_000] {
            let mut kinds: Vec<Kind> = (first..first + 6)
                .flat_map(|seed| Plan::of(seed).faults)
                .map(|fault| fault.kind)
                .collect();
            kinds.sort();
            kinds.dedup();
            assert_eq!(kinds, KINDS, "{first}");
        }
    }
}
