//! Who takes part in a row, and whose turn it is.

use std::collections::BTreeMap;

use crate::{
    broker::Installed,
    report::{Contestant, Run},
};

/// One run of each, by name.
pub(super) type Runs = BTreeMap<&'static str, Run>;

/// Who takes part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrant<'a> {
    /// How the report calls it.
    pub(super) name: &'static str,
    /// What its latencies are of.
    latency_of: &'static str,
    /// The broker, if it is one.
    pub(super) broker: Option<&'a Installed>,
}

impl<'a> Entrant<'a> {
    /// The relay, a peer or a limit.
    pub(super) fn of(name: &'static str, latency_of: &'static str) -> Self {
        Self {
            name,
            latency_of,
            broker: None,
        }
    }

    /// A broker.
    pub(super) fn broker(broker: &'a Installed, latency_of: &'static str) -> Self {
        Self {
            name: broker.name(),
            latency_of,
            broker: Some(broker),
        }
    }

    /// What is told of it.
    pub(super) fn contestant<'r>(&self, runs: impl Iterator<Item = &'r Run>, cores: usize) -> Contestant {
        let runs: Vec<Run> = runs.cloned().collect();
        let contestant = Contestant::of(self.name, self.latency_of, &runs, cores);
        match self.broker {
            Some(broker) => contestant.with_note(broker.note()),
            None => contestant,
        }
    }
}

/// The order of a round: who begins changes from round to round.
pub(super) fn turns<T>(mut entrants: Vec<T>, round: usize) -> Vec<T> {
    let first = round % entrants.len().max(1);
    entrants.rotate_left(first);
    entrants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_begins_once() {
        let orders: Vec<_> = (0..4).map(|round| turns(vec!["a", "b", "c"], round)).collect();
        assert_eq!(orders[1], ["b", "c", "a"]);
        assert_eq!(orders[2], ["c", "a", "b"]);
        assert_eq!(orders[0], orders[3]);
    }
}
