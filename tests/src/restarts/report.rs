//! What was seen.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use crate::ledger::Sums;

/// What all clients together saw during one restart.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How long each message waited for its ack.
    pub acks: Vec<Duration>,
    /// How long each connection that was lost was away.
    pub reconnects: Vec<Duration>,
    /// Requests over HTTP.
    pub asked: u64,
    /// Of these, those that the relay put off: it could not be reached, or said to come back later.
    pub put_off: u64,
}

/// One restart.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it was.
    pub name: String,
    /// How long the command took.
    pub command: Duration,
    /// What was seen, until everybody was acked again.
    pub seen: Seen,
}

/// What was proven.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Clients at work.
    pub clients: usize,
    /// By restart.
    pub rows: Vec<Row>,
    /// What a new device read in the end, held against all acks.
    pub sums: Sums,
    /// Messages that all clients together read live.
    pub read_by_all: u64,
}

impl Report {
    /// Whether nothing acked was lost, doubled or skipped. An error of the SDK ends the proof before.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.sums.is_clean() && self.sums.acked > 0
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(Row::json);
        json!({
            "clients": self.clients,
            "restarts": rows.collect::<Vec<_>>(),
            "acked": self.sums.acked,
            "lost": self.sums.lost,
            "doubled": self.sums.doubled,
            "gaps": self.sums.gaps,
            "read_by_all": self.read_by_all,
            "errors": 0,
        })
    }
}

impl Row {
    fn json(&self) -> Value {
        let [reconnect_p50, reconnect_p99, reconnect_max] = percentiles(&self.seen.reconnects);
        let [ack_p50, ack_p99, ack_max] = percentiles(&self.seen.acks);
        json!({
            "name": self.name,
            "seconds": self.command.as_secs_f64(),
            "reconnects": self.seen.reconnects.len(),
            "reconnect_ms": { "p50": reconnect_p50, "p99": reconnect_p99, "max": reconnect_max },
            "acked": self.seen.acks.len(),
            "ack_ms": { "p50": ack_p50, "p99": ack_p99, "max": ack_max },
            "asked": self.seen.asked,
            "put_off": self.seen.put_off,
        })
    }
}

/// The median, what 99 of 100 do not exceed, and the longest, in milliseconds; zeros of nothing.
fn percentiles(durations: &[Duration]) -> [u128; 3] {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    [50, 99, 100].map(|percent| {
        let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(place).map_or(0, Duration::as_millis)
    })
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = percentiles(&self.seen.reconnects);
        write!(
            f,
            "{}: {:.1} s; {} reconnects, away p50 {p50} ms, p99 {p99} ms, max {max} ms; ",
            self.name,
            self.command.as_secs_f64(),
            self.seen.reconnects.len()
        )?;
        let [p50, p99, max] = percentiles(&self.seen.acks);
        write!(
            f,
            "{} acks, p50 {p50} ms, p99 {p99} ms, max {max} ms; HTTP: {} asked, {} told to come back",
            self.seen.acks.len(),
            self.seen.asked,
            self.seen.put_off
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} clients, {} restarts: {}, no error told by the SDK; all clients together read {} messages live",
            self.clients,
            self.rows.len(),
            self.sums,
            self.read_by_all
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_is_there() {
        assert_eq!(percentiles(&[]), [0, 0, 0]);
        let hundred: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentiles(&hundred), [50, 99, 100]);
        assert_eq!(percentiles(&hundred[..1]), [100, 100, 100]);
    }
}
