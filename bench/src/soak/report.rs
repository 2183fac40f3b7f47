//! What came out.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    sample::Sample,
    verdict::{Finding, RULES, judge},
};
use crate::measure::Machine;

const MIB: f64 = 1_048_576.0;

/// Everything. As JSON and as text it has the same content.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// On what.
    pub machine: Machine,
    /// How long it was asked to last, in minutes.
    pub minutes: f64,
    /// What was done, by kind.
    pub done: BTreeMap<&'static str, u64>,
    /// What was looked at, in order.
    pub samples: Vec<Sample>,
    /// Whether the numbers are judged; in short they mean nothing.
    pub is_judged: bool,
    /// What came of each number.
    pub findings: Vec<Finding>,
    /// Whether all of them are flat.
    pub holds: bool,
}

impl Report {
    /// Judges the samples.
    #[must_use]
    pub fn of(
        minutes: f64,
        done: BTreeMap<&'static str, u64>,
        samples: Vec<Sample>,
        is_judged: bool,
    ) -> Self {
        let findings = judge(&samples);
        Self {
            machine: Machine::this(),
            minutes,
            done,
            samples,
            is_judged,
            holds: !is_judged || findings.iter().all(|finding| finding.holds),
            findings,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done: Vec<_> = self
            .done
            .iter()
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        writeln!(f, "{:.1} minutes: {}", self.minutes, done.join(", "))?;
        writeln!(f, "{RULES}")?;
        writeln!(
            f,
            "{:>8} {:>11} {:>8} {:>8}  rows",
            "second", "memory MiB", "p50 ms", "p99 ms"
        )?;
        for sample in &self.samples {
            sample.fmt(f)?;
        }
        for finding in &self.findings {
            let Finding {
                of,
                growth,
                allowed,
                holds,
            } = finding;
            let verdict = match (self.is_judged, holds) {
                (false, _) => "not judged",
                (true, true) => "flat",
                (true, false) => "GROWS",
            };
            writeln!(
                f,
                "{verdict:<10} {of:<34} grew by {growth:.1}, allowed {allowed:.1}"
            )?;
        }
        let verdict = match (self.is_judged, self.holds) {
            (false, _) => "not judged: in short the numbers mean nothing",
            (true, true) => "holds: everything that should be flat is",
            (true, false) => "DOES NOT HOLD",
        };
        writeln!(f, "{verdict}")
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latency = self.latency.unwrap_or_default();
        let filled = self.rows.iter().filter(|(_, count)| **count > 0);
        let rows: Vec<_> = filled.map(|(table, count)| format!("{table} {count}")).collect();
        writeln!(
            f,
            "{:>8.0} {:>11.1} {:>8.2} {:>8.2}  {}",
            self.at_seconds,
            self.memory as f64 / MIB,
            latency.p50_ms,
            latency.p99_ms,
            rows.join(", ")
        )
    }
}
