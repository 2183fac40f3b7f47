//! What is looked at each minute.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use serde::Serialize;

use crate::{
    database::Session,
    measure::{Latencies, Percentiles, proportional_set_size},
    stage::{Numbers, Stage},
};

/// What the relay tells of what it holds: keys, sockets, connections, and what waits.
const HELD: [&str; 5] = [
    "sealpost_keys_held",
    "sealpost_sockets_open",
    "sealpost_sockets_queued_bytes",
    "sealpost_log_queued_bytes",
    "sealpost_connections_open",
];

/// One look.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Since the beginning, in seconds.
    pub at_seconds: f64,
    /// The relay's proportional set size in bytes.
    pub memory: u64,
    /// Publish to ack, of all since the last look; none where nothing was acked.
    pub latency: Option<Percentiles>,
    /// What the relay holds, by the name of its metric.
    pub held: BTreeMap<&'static str, f64>,
    /// Rows of every table.
    pub rows: BTreeMap<String, i64>,
}

impl Sample {
    /// Looks.
    pub async fn take(
        stage: &Stage,
        session: &mut Session,
        at: Duration,
        latencies: &Latencies,
    ) -> Result<Self> {
        let numbers = Numbers::of(stage.child()).await;
        let held = HELD
            .into_iter()
            .map(|name| anyhow::Ok((name, numbers.get(name)?)));
        Ok(Self {
            at_seconds: at.as_secs_f64(),
            memory: proportional_set_size(stage.child().id())?,
            latency: latencies.percentiles(),
            held: held.collect::<Result<_>>()?,
            rows: session.rows().await?,
        })
    }

    /// Publish to ack, 99 in 100.
    #[must_use]
    pub fn p99_ms(&self) -> f64 {
        self.latency.map_or(0.0, |latency| latency.p99_ms)
    }
}
