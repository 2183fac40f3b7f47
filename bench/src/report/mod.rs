//! What is told: rows of contestants, each with what it did, how long that took, and who used the processor for it.

mod chart;
mod summary;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::{
    chart::{Chart, Line, draw},
    summary::{LOAD, Run, median},
};
use crate::{
    limit::Primitives,
    measure::{Machine, Percentiles},
    plan::Mode,
};

/// Everything. As JSON and as text it has the same content.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// When it began, in UTC.
    pub started_at: String,
    /// On what.
    pub machine: Machine,
    /// How thoroughly.
    pub mode: Mode,
    /// How often each contestant ran.
    pub rounds: usize,
    /// What the relay was configured otherwise than by default, as variables.
    pub relay_settings: BTreeMap<&'static str, &'static str>,
    /// What the two operations cost that no event can do without.
    pub primitives: Primitives,
    /// What weakens the numbers.
    pub warnings: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One question and its answers.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name, for `--row`.
    pub name: String,
    /// What is measured.
    pub title: String,
    /// What the values count.
    pub unit: &'static str,
    /// What one CPU time is for; empty where CPU is not measured.
    pub cpu_per: &'static str,
    /// The relay first.
    pub contestants: Vec<Contestant>,
    /// Who would be a contestant too, if it could.
    pub skipped: Vec<Skipped>,
    /// What the row is for.
    pub ratios: Vec<Ratio>,
}

/// Who was measured, and how it did: medians over the rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Contestant {
    /// Its name.
    pub name: &'static str,
    /// The value.
    pub value: Spread,
    /// Latencies, each percentile by itself.
    pub latency: Option<Percentiles>,
    /// What the latencies are of.
    pub latency_of: &'static str,
    /// CPU time in microseconds for each, by process.
    pub cpu_us: BTreeMap<&'static str, f64>,
    /// Cores that were busy, by process; `others` is everything else on the machine.
    pub busy_cores: BTreeMap<&'static str, f64>,
    /// Calls to the key service for a million of what is counted.
    pub kms_calls_per_million: Option<f64>,
    /// What kept it from being faster.
    pub limit: String,
    /// What one must know to compare it; empty where the row's title says all.
    pub note: String,
}

/// Who did not take part.
#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    /// Its name.
    pub name: &'static str,
    /// Why.
    pub reason: String,
}

/// Median, least and greatest of the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// In the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

/// One number over another, both of the same minute: the median of the rounds' own ratios.
#[derive(Clone, Debug, Serialize)]
pub struct Ratio {
    /// In words.
    pub of: String,
    /// The number; none where a run was too short for what stands below the line.
    pub value: Option<f64>,
}

impl Report {
    /// As one line of JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}
