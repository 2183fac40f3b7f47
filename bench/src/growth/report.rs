//! What came out.

use std::{fmt, path::Path};

use anyhow::Result;
use serde::Serialize;

use crate::{
    measure::Machine,
    report::{Chart, Line, draw, median},
};

/// Acks per second may fall by less than this.
pub const FALL: f64 = 0.15;
const GIB: f64 = (1_u64 << 30) as f64;

/// Everything. As JSON and as text it has the same content.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// On what.
    pub machine: Machine,
    /// Free space at the beginning, in bytes.
    pub free_bytes: u64,
    /// Whether the numbers are judged; in short they mean nothing.
    pub is_judged: bool,
    /// Whether acks fell by less than 15 % at every step, and every step was made that the disk has room for.
    pub holds: bool,
    /// The steps.
    pub steps: Vec<Step>,
    /// Steps that the disk had no room for, and why.
    pub left_out: Vec<String>,
}

/// One size, measured in turns with the first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Step {
    /// What has grown: events or spaces.
    pub grown: &'static str,
    /// Events in the database, counted.
    pub events: i64,
    /// Spaces in the database, counted.
    pub spaces: i64,
    /// Bytes of the bodies of the events that were added last.
    pub body_bytes: usize,
    /// Median of its runs.
    pub acks_per_second: f64,
    /// The same of the runs at the first size, in the same minutes.
    pub first_acks_per_second: f64,
    /// Median of the pairs' own ratios.
    pub ratio: f64,
    /// Publish to ack.
    pub p99_ms: f64,
    /// The same at the first size.
    pub first_p99_ms: f64,
    /// CPU time of Postgres for each event, in microseconds.
    pub postgres_us: f64,
    /// The same at the first size.
    pub first_postgres_us: f64,
    /// What the events take on the disk.
    pub table_bytes: i64,
    /// What their indexes take.
    pub index_bytes: i64,
}

/// One run, in numbers.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Acks per second.
    pub rate: f64,
    /// Publish to ack.
    pub p99_ms: f64,
    /// CPU time of Postgres for each event, in microseconds.
    pub postgres_us: f64,
}

impl Step {
    /// The medians of pairs: a run at the first size, a run at this one.
    #[must_use]
    pub fn with_pairs(self, pairs: &[(Sample, Sample)]) -> Self {
        let first = |of: fn(&Sample) -> f64| median(pairs.iter().map(|(first, _)| of(first)));
        let grown = |of: fn(&Sample) -> f64| median(pairs.iter().map(|(_, grown)| of(grown)));
        Self {
            acks_per_second: grown(|run| run.rate),
            first_acks_per_second: first(|run| run.rate),
            ratio: median(
                pairs
                    .iter()
                    .map(|(first, grown)| grown.rate / first.rate.max(1.0)),
            ),
            p99_ms: grown(|run| run.p99_ms),
            first_p99_ms: first(|run| run.p99_ms),
            postgres_us: grown(|run| run.postgres_us),
            first_postgres_us: first(|run| run.postgres_us),
            ..self
        }
    }

    fn holds(&self) -> bool {
        self.ratio > 1.0 - FALL
    }
}

impl Report {
    /// With its verdict.
    #[must_use]
    pub fn judged(self) -> Self {
        let holds = !self.is_judged || self.steps.iter().all(Step::holds);
        Self { holds, ..self }
    }

    /// Draws acks per second and latency into a folder, over events and over spaces.
    pub fn draw(&self, folder: &Path) -> Result<()> {
        self.draw_over("events", |step| step.events as f64, folder)?;
        self.draw_over("spaces", |step| step.spaces as f64, folder)
    }

    fn draw_over(&self, grown: &'static str, place: fn(&Step) -> f64, folder: &Path) -> Result<()> {
        let line = |name, value: fn(&Step) -> f64| Line {
            name,
            points: self
                .steps
                .iter()
                .filter(|step| step.grown == grown)
                .map(|step| (place(step), value(step)))
                .collect(),
        };
        let acks = Chart {
            title: format!("durable appends of 1 KiB as the database grows in {grown}"),
            x: grown,
            y: "acks per second",
            lines: vec![
                line("this size", |step| step.acks_per_second),
                line("first size, in turns", |step| step.first_acks_per_second),
            ],
        };
        let latencies = Chart {
            title: "p99 of the acks".to_owned(),
            x: grown,
            y: "ms",
            lines: vec![
                line("this size", |step| step.p99_ms),
                line("first size, in turns", |step| step.first_p99_ms),
            ],
        };
        draw(&folder.join(format!("growth-{grown}.svg")), &[acks, latencies])
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            cores,
            memory_gib,
            ..
        } = &self.machine;
        writeln!(
            f,
            "{cores} cores of {processor}, {memory_gib} GiB; {:.1} GiB free on the disk",
            self.free_bytes as f64 / GIB
        )?;
        writeln!(f, "{EXPLANATION}")?;
        writeln!(
            f,
            "{:<7} {:>11} {:>8} {:>6} {:>9} {:>9} {:>6} {:>9} {:>9} {:>8} {:>8} {:>9} {:>9}",
            "grown",
            "events",
            "spaces",
            "body",
            "acks/s",
            "at first",
            "ratio",
            "p99 ms",
            "at first",
            "PG us",
            "at first",
            "table GiB",
            "index GiB"
        )?;
        for step in &self.steps {
            step.fmt(f)?;
        }
        for step in &self.left_out {
            writeln!(f, "LEFT OUT: {step}")?;
        }
        let verdict = match (self.is_judged, self.holds) {
            (false, _) => "not judged: in short the numbers mean nothing",
            (true, true) => "holds: acks per second fell by less than 15 % at every step that was made",
            (true, false) => "DOES NOT HOLD: acks per second fell by 15 % or more",
        };
        writeln!(f, "{verdict}")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<7} {:>11} {:>8} {:>6} {:>9.0} {:>9.0} {:>6.3} {:>9.2} {:>9.2} {:>8.2} {:>8.2} {:>9.2} {:>9.2}",
            self.grown,
            self.events,
            self.spaces,
            self.body_bytes,
            self.acks_per_second,
            self.first_acks_per_second,
            self.ratio,
            self.p99_ms,
            self.first_p99_ms,
            self.postgres_us,
            self.first_postgres_us,
            self.table_bytes as f64 / GIB,
            self.index_bytes as f64 / GIB
        )
    }
}

/// What stands above the table.
const EXPLANATION: &str = "\
The load is that of `append-1000` at every size: the same writers at the same spaces, signed ahead. At each step it runs in turns at
a database of the first size and at one that has grown, each with a relay of its own on the same Postgres; the ratio is the median
of the pairs' own. The first step of a ladder compares two equal databases: how far it is from 1 is the noise.
What a database grows by is ballast: rows with the relay's shapes and indexes in spaces of others, made by SQL and sealed with
nothing. `body` is what an application put into those that came last; the load's own bodies have 1,024 bytes.";

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rate: f64) -> Sample {
        Sample {
            rate,
            p99_ms: 1.0,
            postgres_us: 1.0,
        }
    }

    fn report(ratio: f64, is_judged: bool) -> Report {
        Report {
            machine: Machine::this(),
            free_bytes: 1 << 30,
            is_judged,
            holds: false,
            steps: vec![Step {
                ratio,
                ..Step::default()
            }],
            left_out: vec!["50 million events".to_owned()],
        }
        .judged()
    }

    #[test]
    fn ratio_is_the_median_of_the_pairs_own() {
        let pairs = [(100.0, 90.0), (10.0, 10.0), (200.0, 100.0)];
        let pairs = pairs.map(|(first, grown)| (sample(first), sample(grown)));
        let step = Step::default().with_pairs(&pairs);
        assert_eq!((step.ratio, step.acks_per_second), (0.9, 90.0));
    }

    #[test]
    fn fall_by_fifteen_percent_is_too_much_unless_nothing_is_judged() {
        assert!(report(0.86, true).holds);
        assert!(!report(0.84, true).holds);
        assert!(report(0.1, false).holds);
        let text = report(0.84, true).to_string();
        assert!(
            text.contains("DOES NOT HOLD") && text.contains("LEFT OUT: 50 million"),
            "{text}"
        );
    }
}
