//! What goes wrong in a round: all of it follows from the round's seed.

use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9` of a relay; its clients find another one.
    KillRelay,
    /// `kill -9` of Postgres.
    KillPostgres,
    /// `kill -9` of Postgres and of every relay.
    KillBoth,
    /// `kill -9` of writers and readers.
    KillClients,
    /// Open connections are cut.
    Cut,
    /// Bytes are late.
    Delay,
    /// Open connections take bytes and give none, and nobody is told.
    HalfOpen,
}

/// Every kind.
pub const KINDS: [Kind; 7] = [
    Kind::KillRelay,
    Kind::KillPostgres,
    Kind::KillBoth,
    Kind::KillClients,
    Kind::Cut,
    Kind::Delay,
    Kind::HalfOpen,
];

/// Which network a fault is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// Between clients and relays.
    Clients,
    /// Between relays and Postgres.
    Database,
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// When: after so many thousandths of the round's acks.
    pub after: u64,
    /// In which network, for those that are in one.
    pub link: Link,
    /// Whom it strikes, of 1,000.
    pub struck: Range<usize>,
    /// How late bytes are, or how long one part stays dead.
    pub delay: Duration,
}

/// The faults of one round, in order.
#[derive(Clone, Debug)]
pub struct Plan(pub Vec<Fault>);

impl Plan {
    /// Seeds that follow each other go through all kinds, in an order that changes; half of the rounds have a second fault.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let kinds = KINDS.len() as u64;
        let mut order = KINDS;
        order.shuffle(&mut StdRng::seed_from_u64(seed / kinds));
        let mut rng = StdRng::seed_from_u64(seed);
        let first = order[usize::try_from(seed % kinds).expect("below 7")];
        let mut faults = vec![Fault::draw(first, &mut rng)];
        if rng.random_bool(0.5) {
            let second = KINDS[rng.random_range(0..KINDS.len())];
            faults.push(Fault::draw(second, &mut rng));
        }
        faults.sort_by_key(|fault| fault.after);
        Self(faults)
    }
}

impl Fault {
    fn draw(kind: Kind, rng: &mut StdRng) -> Self {
        let first = rng.random_range(0..1_000);
        Self {
            kind,
            after: rng.random_range(0..600),
            link: if rng.random_bool(0.5) {
                Link::Clients
            } else {
                Link::Database
            },
            struck: first..first + rng.random_range(50..500),
            delay: Duration::from_millis(rng.random_range(5..150)),
        }
    }

    /// Whether it strikes the one with this number, of so many. However few there are, it strikes one.
    #[must_use]
    pub fn strikes(&self, number: usize, of: usize) -> bool {
        let place = number * 1_000 / of.max(1);
        let first = self.struck.start * of / 1_000;
        number == first || self.struck.contains(&place) || self.struck.contains(&(place + 1_000))
    }
}

impl Kind {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KillRelay => "kill.relay",
            Self::KillPostgres => "kill.postgres",
            Self::KillBoth => "kill.both",
            Self::KillClients => "kill.clients",
            Self::Cut => "fault.cut",
            Self::Delay => "fault.delay",
            Self::HalfOpen => "fault.half_open",
        }
    }

    fn is_of_a_network(self) -> bool {
        matches!(self, Self::Cut | Self::Delay | Self::HalfOpen)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match self.link {
            Link::Clients if self.kind.is_of_a_network() => f.write_str("(clients)"),
            Link::Database if self.kind.is_of_a_network() => f.write_str("(database)"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&faults.join(" + "))
    }
}

/// How often each kind happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<Kind, u64>);

impl Counts {
    /// Counts one.
    pub fn add(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = KINDS
            .into_iter()
            .map(|kind| {
                format!(
                    "{}={}",
                    kind.name(),
                    self.0.get(&kind).copied().unwrap_or_default()
                )
            })
            .collect();
        f.write_str(&counts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_plan() {
        assert_eq!(format!("{:?}", Plan::of(7)), format!("{:?}", Plan::of(7)));
        assert_ne!(format!("{:?}", Plan::of(7)), format!("{:?}", Plan::of(8)));
    }

    /// Seven rounds in a row, from a multiple of seven on, have each kind once; 200 have 27 such weeks at least.
    #[test]
    fn two_hundred_rounds_reach_each_kind_twenty_times_whatever_the_seed() {
        for seed in (0..14).chain([1_000_003, u64::from(u32::MAX)]) {
            let mut counts = Counts::default();
            for round in 0..200 {
                for fault in Plan::of(seed + round).0 {
                    counts.add(fault.kind);
                }
            }
            assert!(KINDS.iter().all(|kind| counts.0[kind] >= 27), "{counts}");
        }
    }

    #[test]
    fn a_fault_strikes_one_at_least_and_spares_about_half() {
        for seed in 0..100 {
            for fault in Plan::of(seed).0 {
                let struck = (0..36).filter(|number| fault.strikes(*number, 36)).count();
                assert!((1..=20).contains(&struck), "{struck} of 36");
                for few in 1..5 {
                    assert!((0..few).any(|number| fault.strikes(number, few)));
                }
            }
        }
    }
}
