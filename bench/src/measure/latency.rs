//! Latencies.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Three digits are kept of each value.
const DIGITS: u8 = 3;

/// Many latencies, counted by microseconds.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// What is told of them, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of them are at most this.
    pub p50_ms: f64,
    /// 99 in 100 are.
    pub p99_ms: f64,
    /// 999 in 1,000 are.
    pub p999_ms: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new(DIGITS).expect("a histogram may keep three digits"))
    }
}

impl Latencies {
    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0
            .record(micros)
            .expect("a histogram that grows takes every value");
    }

    /// Counts all of `other` too.
    pub fn add(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("a histogram that grows takes every value");
    }

    /// What to tell of them; nothing where there are none.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1_000.0;
        (!self.0.is_empty()).then(|| Percentiles {
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= expected / 500.0
    }

    #[test]
    fn percentiles_are_those_of_all_that_was_counted() {
        let (mut low, mut high) = (Latencies::default(), Latencies::default());
        for micros in 1..=5_000 {
            low.record(Duration::from_micros(micros));
            high.record(Duration::from_micros(5_000 + micros));
        }
        low.add(&high);
        let percentiles = low.percentiles().unwrap();
        assert!(near(percentiles.p50_ms, 5.0), "{percentiles:?}");
        assert!(near(percentiles.p99_ms, 9.9), "{percentiles:?}");
        assert!(near(percentiles.p999_ms, 9.99), "{percentiles:?}");
    }

    #[test]
    fn nothing_is_told_of_no_latencies() {
        assert_eq!(Latencies::default().percentiles(), None);
    }

    #[test]
    fn minutes_are_counted_like_microseconds() {
        let mut latencies = Latencies::default();
        latencies.record(Duration::from_secs(600));
        assert!(near(latencies.percentiles().unwrap().p50_ms, 600_000.0));
    }
}
