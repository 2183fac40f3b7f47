//! From runs to medians.

use std::collections::BTreeMap;

use super::{Contestant, Ratio, Spread};
use crate::measure::{Measured, Percentiles};

/// Of this share of the cores on, the processor is what limits.
const SATURATED: f64 = 0.9;
/// Of this share of a contestant's busy time on, one process is named as what fills the processor.
const MAIN_SHARE: f64 = 0.5;

/// The load generator, among the processes.
pub const LOAD: &str = "load";

/// One run of one contestant.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was measured.
    pub measured: Measured,
    /// Calls to the key service meanwhile, where the relay was measured.
    pub kms_calls: Option<u64>,
}

impl From<Measured> for Run {
    fn from(measured: Measured) -> Self {
        Self {
            measured,
            kms_calls: None,
        }
    }
}

impl Run {
    /// The same, with calls to the key service.
    #[must_use]
    pub fn with_kms_calls(self, calls: u64) -> Self {
        Self {
            kms_calls: Some(calls),
            ..self
        }
    }

    /// In a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.measured.window.rate()
    }

    /// CPU time of one process in microseconds for each.
    #[must_use]
    pub fn cpu_us(&self, name: &str) -> f64 {
        let used = self.measured.cpu.by_name.get(name);
        let micros = used.map_or(0.0, |used| used.as_secs_f64() * 1e6);
        micros / self.done()
    }

    /// CPU time of all that serve in microseconds for each: the relay with its database, say, without the load generator.
    #[must_use]
    pub fn servers_cpu_us(&self) -> f64 {
        let servers = self.names().filter(|name| *name != LOAD);
        servers.map(|name| self.cpu_us(name)).sum()
    }

    /// The 99th percentile of its latencies in milliseconds; 0 where there are none.
    #[must_use]
    pub fn p99_ms(&self) -> f64 {
        self.percentiles().map_or(0.0, |percentiles| percentiles.p99_ms)
    }

    fn done(&self) -> f64 {
        (self.measured.window.done as f64).max(1.0)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.measured.cpu.by_name.keys().copied()
    }

    /// Cores that one process kept busy.
    #[must_use]
    pub fn busy(&self, name: &str) -> f64 {
        self.cpu_us(name) * self.rate() / 1e6
    }

    fn others(&self) -> f64 {
        let cpu = &self.measured.cpu;
        let others = cpu.everybody.saturating_sub(cpu.total());
        others.as_secs_f64() / self.measured.window.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn percentiles(&self) -> Option<Percentiles> {
        self.measured.latencies.percentiles()
    }
}

/// The middle of some numbers; of an even count, the mean of the two in the middle.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

impl Spread {
    /// That of some numbers.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        Self {
            median: median(values.iter().copied()),
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            greatest: values.iter().copied().fold(0.0, f64::max),
        }
    }
}

impl Contestant {
    /// That of some runs, on so many cores.
    #[must_use]
    pub fn of(name: &'static str, latency_of: &'static str, runs: &[Run], cores: usize) -> Self {
        let each = |value: &dyn Fn(&Run) -> f64| median(runs.iter().map(value));
        let names: Vec<_> = runs.iter().take(1).flat_map(Run::names).collect();
        let by_name = |value: &dyn Fn(&Run, &str) -> f64| -> BTreeMap<&'static str, f64> {
            let of = |name: &&'static str| (*name, each(&|run| value(run, name)));
            names.iter().map(of).collect()
        };
        let mut busy_cores = by_name(&Run::busy);
        busy_cores.insert("others", each(&Run::others));
        let rates: Vec<f64> = runs.iter().map(Run::rate).collect();
        Self {
            name,
            value: Spread::of(&rates),
            latency: percentiles(runs),
            latency_of,
            cpu_us: by_name(&Run::cpu_us),
            limit: limit(&busy_cores, cores),
            busy_cores,
            kms_calls_per_million: kms_calls(runs),
            note: String::new(),
        }
    }

    /// The same, with a note.
    #[must_use]
    pub fn with_note(self, note: String) -> Self {
        Self { note, ..self }
    }

    /// One that has no runs but values: memory, say.
    #[must_use]
    pub fn of_values(name: &'static str, values: &[f64]) -> Self {
        Self {
            name,
            value: Spread::of(values),
            latency: None,
            latency_of: "",
            cpu_us: BTreeMap::new(),
            busy_cores: BTreeMap::new(),
            kms_calls_per_million: None,
            limit: String::new(),
            note: String::new(),
        }
    }
}

impl Ratio {
    /// The ratio of two numbers in each round, and of those the median.
    pub fn paired(of: impl Into<String>, rounds: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let ratios = rounds
            .into_iter()
            .filter(|(_, below)| *below > 0.0)
            .map(|(above, below)| above / below);
        let ratios: Vec<f64> = ratios.collect();
        Self {
            of: of.into(),
            value: (!ratios.is_empty()).then(|| median(ratios)),
        }
    }

    /// A plain number of each round, as a ratio to one.
    pub fn number(of: impl Into<String>, rounds: impl IntoIterator<Item = f64>) -> Self {
        Self::paired(of, rounds.into_iter().map(|number| (number, 1.0)))
    }
}

fn percentiles(runs: &[Run]) -> Option<Percentiles> {
    let all: Vec<_> = runs.iter().filter_map(Run::percentiles).collect();
    let each = |of: fn(&Percentiles) -> f64| median(all.iter().map(of));
    (!all.is_empty()).then(|| Percentiles {
        p50_ms: each(|some| some.p50_ms),
        p99_ms: each(|some| some.p99_ms),
        p999_ms: each(|some| some.p999_ms),
    })
}

fn kms_calls(runs: &[Run]) -> Option<f64> {
    let calls = runs.iter().map(|run| run.kms_calls).sum::<Option<u64>>()?;
    let done: f64 = runs.iter().map(Run::done).sum();
    Some(calls as f64 * 1e6 / done.max(1.0))
}

/// What kept a contestant from being faster, as far as the processor tells.
fn limit(busy: &BTreeMap<&'static str, f64>, cores: usize) -> String {
    let total: f64 = busy.values().sum();
    let (main, most) = busy
        .iter()
        .max_by(|one, other| one.1.total_cmp(other.1))
        .map_or(("nobody", 0.0), |(name, most)| (*name, *most));
    let filled = format!("{total:.2} of {cores} cores busy");
    if total < SATURATED * cores as f64 {
        format!("{filled}: not the processor, but waiting (disk, pace, or one after the other)")
    } else if most >= MAIN_SHARE * total {
        format!("{filled}: the processor, most of it {main}")
    } else {
        format!("{filled}: the processor, shared out")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measure::{CpuTimes, Latencies, Window};

    fn run(done: u64, relay_ms: u64, everybody_ms: u64) -> Run {
        let mut latencies = Latencies::default();
        latencies.record(Duration::from_millis(done));
        let measured = Measured {
            window: Window {
                done,
                elapsed: Duration::from_secs(2),
            },
            cpu: CpuTimes {
                by_name: [("relay", Duration::from_millis(relay_ms))].into(),
                everybody: Duration::from_millis(everybody_ms),
            },
            latencies,
        };
        Run::from(measured).with_kms_calls(1)
    }

    #[test]
    fn median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn contestant_is_the_median_of_its_runs() {
        let runs = [
            run(100, 1_000, 3_000),
            run(400, 2_000, 4_000),
            run(200, 1_000, 3_000),
        ];
        let contestant = Contestant::of("relay", "ack", &runs, 2);
        assert_eq!(contestant.value.median, 100.0);
        assert_eq!((contestant.value.least, contestant.value.greatest), (50.0, 200.0));
        assert_eq!(contestant.cpu_us["relay"], 5_000.0);
        assert_eq!(contestant.busy_cores["relay"], 0.5);
        assert_eq!(contestant.busy_cores["others"], 1.0);
        let kms = contestant.kms_calls_per_million.unwrap();
        assert!((kms - 3.0 * 1e6 / 700.0).abs() < 1e-6, "{kms}");
        assert_eq!(contestant.latency.unwrap().p50_ms.round(), 200.0);
    }

    #[test]
    fn load_generator_is_no_server() {
        let mut run = run(100, 1_000, 3_000);
        let by_name = &mut run.measured.cpu.by_name;
        by_name.insert("postgres", Duration::from_millis(500));
        by_name.insert(LOAD, Duration::from_millis(700));
        assert_eq!(run.servers_cpu_us(), 15_000.0);
    }

    #[test]
    fn ratio_is_the_median_of_each_rounds_own() {
        let ratio = Ratio::paired("a", [(1.0, 2.0), (10.0, 10.0), (3.0, 4.0), (1.0, 0.0)]);
        assert_eq!(ratio.value, Some(0.75));
        assert_eq!(Ratio::paired("a", [(1.0, 0.0)]).value, None);
    }

    #[test]
    fn full_processor_is_named_as_the_limit() {
        let busy = |relay, others| [("relay", relay), ("others", others)].into();
        assert!(limit(&busy(1.9, 0.1), 2).contains("most of it relay"));
        assert!(limit(&busy(0.9, 0.1), 2).contains("waiting"));
    }
}
