//! Named transactions.

use std::time::Duration;

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::store::{ObserveTransactions, Outcome};

type ByName = [(&'static str, &'static str); 1];
type ByNameAndOutcome = [(&'static str, &'static str); 2];

/// Counts and times transactions by their names.
#[derive(Clone, Debug)]
pub struct TransactionMetrics {
    ended: Family<ByNameAndOutcome, Counter>,
    retries: Family<ByName, Counter>,
    seconds: Family<ByName, Histogram>,
}

impl Default for TransactionMetrics {
    fn default() -> Self {
        Self {
            ended: Family::default(),
            retries: Family::default(),
            seconds: Family::new_with_constructor(histogram),
        }
    }
}

/// From half a millisecond to eight seconds.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 15))
}

impl TransactionMetrics {
    /// Shows the counters under `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let transactions = registry.sub_registry_with_prefix("transactions");
        transactions.register("ended", "Transactions, by how they ended", self.ended.clone());
        transactions.register("retries", "Attempts beyond the first", self.retries.clone());
        transactions.register("seconds", "Time of all attempts together", self.seconds.clone());
    }
}

impl ObserveTransactions for TransactionMetrics {
    fn transaction_ended(&self, name: &'static str, outcome: Outcome, attempts: u32, elapsed: Duration) {
        let outcome = match outcome {
            Outcome::Committed => "committed",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        };
        self.ended
            .get_or_create(&[("transaction", name), ("outcome", outcome)])
            .inc();
        self.retries
            .get_or_create(&[("transaction", name)])
            .inc_by(u64::from(attempts.saturating_sub(1)));
        self.seconds
            .get_or_create(&[("transaction", name)])
            .observe(elapsed.as_secs_f64());
    }
}
