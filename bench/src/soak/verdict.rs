//! The rules by which a soak is judged.

use serde::Serialize;

use super::{
    sample::Sample,
    trend::{Allowed, growth},
};

const MIB: f64 = 1_048_576.0;

/// Memory may wander by the size of a batch, but not go anywhere.
const MEMORY: Allowed = Allowed {
    share: 0.05,
    at_least: 8.0 * MIB,
};
/// A p99 is of a minute and of a shared machine.
const P99_MS: Allowed = Allowed {
    share: 0.25,
    at_least: 5.0,
};
/// Keys and sockets.
const HELD: Allowed = Allowed {
    share: 0.05,
    at_least: 16.0,
};
/// Bytes that wait for a moment.
const WAITING: Allowed = Allowed {
    share: 0.05,
    at_least: MIB,
};
/// Attempts and sessions that are under way or wait for their sweep.
const ROWS: Allowed = Allowed {
    share: 0.05,
    at_least: 64.0,
};

/// Tables that grow with what people do, for that is what they are for.
pub const MAY_GROW: [&str; 2] = ["audit_log", "events"];
/// The relay keeps two snapshots of a space; they come as its log grows.
const SNAPSHOTS: (&str, &str, f64) = ("space_snapshots", "spaces", 2.0);

/// The rules, for people.
pub const RULES: &str = "\
Judged is the second half of the samples. A number's growth is the median slope between all pairs of samples (Theil-Sen) times the
time between the first and the last. It is flat if it grows by no more than:
  the relay's memory (PSS)              5 % of its median, or 8 MiB
  p99 of publish to ack                 25 % of its median, or 5 ms
  keys held, open sockets, connections  5 % of the median, or 16
  bytes that wait                       5 % of the median, or 1 MiB
  rows of a table                       5 % of the median, or 64; `events` and `audit_log` grow with what people do, and
                                        `space_snapshots` up to two for each space";

/// One number and what it did.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Which.
    pub of: String,
    /// By how much it grew over the second half.
    pub growth: f64,
    /// By how much it may.
    pub allowed: f64,
    /// Whether it did not grow by more.
    pub holds: bool,
}

/// Judges the second half of the samples.
#[must_use]
pub fn judge(samples: &[Sample]) -> Vec<Finding> {
    let half = &samples[samples.len() / 2..];
    let finding = |of: &str, allowed: Allowed, number: &dyn Fn(&Sample) -> f64| {
        let numbers: Vec<f64> = half.iter().map(number).collect();
        let (growth, allowed) = (growth(&numbers), allowed.of(&numbers));
        Finding {
            of: of.to_owned(),
            growth,
            allowed,
            holds: growth <= allowed,
        }
    };
    let mut findings = vec![
        finding("memory", MEMORY, &|sample| sample.memory as f64),
        finding("p99 of publish to ack, ms", P99_MS, &Sample::p99_ms),
    ];
    let Some(last) = half.last() else {
        return findings;
    };
    for name in last.held.keys() {
        let allowed = if name.ends_with("bytes") { WAITING } else { HELD };
        findings.push(finding(name, allowed, &|sample| sample.held[name]));
    }
    for table in last
        .rows
        .keys()
        .filter(|table| !MAY_GROW.contains(&table.as_str()))
    {
        let rows = |sample: &Sample, table: &str| sample.rows.get(table).copied().unwrap_or(0) as f64;
        let mut found = finding(&format!("rows of {table}"), ROWS, &|sample| rows(sample, table));
        if table == SNAPSHOTS.0 {
            let bound = SNAPSHOTS.2 * rows(last, SNAPSHOTS.1);
            found.holds = rows(last, table) <= bound;
            found.allowed = bound;
        }
        findings.push(found);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Percentiles;

    fn samples(change: impl Fn(&mut Sample, f64)) -> Vec<Sample> {
        let sample = |minute: i32| {
            let mut sample = Sample {
                at_seconds: 60.0 * f64::from(minute),
                memory: 100 << 20,
                latency: Some(Percentiles::default()),
                held: [("sealpost_keys_held", 100.0)].into(),
                rows: [
                    ("events".to_owned(), i64::from(minute) * 10_000),
                    ("sessions".to_owned(), 20),
                    ("spaces".to_owned(), 100),
                    ("space_snapshots".to_owned(), 180 + i64::from(minute)),
                ]
                .into(),
            };
            change(&mut sample, f64::from(minute));
            sample
        };
        (0..20).map(sample).collect()
    }

    fn broken(samples: &[Sample]) -> Vec<String> {
        let findings = judge(samples).into_iter().filter(|finding| !finding.holds);
        findings.map(|finding| finding.of).collect()
    }

    #[test]
    fn flat_soak_holds_though_events_and_snapshots_grow() {
        assert!(broken(&samples(|_, _| ())).is_empty());
    }

    #[test]
    fn whatever_grows_is_named() {
        let leaking = samples(|sample, minute| sample.memory += (minute as u64) << 20);
        assert_eq!(broken(&leaking), ["memory"]);
        let drifting = samples(|sample, minute| {
            sample.latency = Some(Percentiles {
                p99_ms: 5.0 + minute,
                ..Percentiles::default()
            });
        });
        assert_eq!(broken(&drifting), ["p99 of publish to ack, ms"]);
        let hoarding =
            samples(|sample, minute| *sample.held.get_mut("sealpost_keys_held").unwrap() += 9.0 * minute);
        assert_eq!(broken(&hoarding), ["sealpost_keys_held"]);
        let littering =
            samples(|sample, minute| *sample.rows.get_mut("sessions").unwrap() += 10 * minute as i64);
        assert_eq!(broken(&littering), ["rows of sessions"]);
        let many = samples(|sample, _| *sample.rows.get_mut("space_snapshots").unwrap() += 50);
        assert_eq!(broken(&many), ["rows of space_snapshots"]);
    }

    #[test]
    fn what_grew_in_the_first_half_alone_is_forgiven() {
        let warming = samples(|sample, minute| sample.memory += (minute.min(10.0) as u64) << 23);
        assert!(broken(&warming).is_empty());
    }
}
