//! One row, one commit, at a pace: what an fsync and its way there take when nothing queues.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    measure::{Actor, Latencies, Measured, Meter, Times, Window},
    stage::{Limits, fill},
};

/// Inserts rows of `sealed` bytes one by one, so many in a second, and measures each.
pub async fn single_commits(
    limits: &Limits,
    sealed: usize,
    rate: u32,
    times: Times,
    actors: &[Actor],
) -> Result<Measured> {
    limits.empty().await?;
    let meter = Meter::default();
    let inserting = insert(limits, sealed, rate, &meter);
    let (measured, latencies) = tokio::join!(Window::measure(&meter, times, actors), inserting);
    let (window, cpu) = measured?;
    Ok(Measured {
        window,
        cpu,
        latencies: latencies?,
    })
}

async fn insert(limits: &Limits, length: usize, rate: u32, meter: &Meter) -> Result<Latencies> {
    let mut connection = limits.connect().await?;
    let mut sealed = vec![0; length];
    fill(&mut sealed);
    let mut latencies = Latencies::default();
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut seq = 0_i64;
    while !meter.is_ended() {
        ticks.tick().await;
        let started = Instant::now();
        seq += 1;
        sqlx::query("INSERT INTO prototype (space_no, seq, entry) VALUES (0, $1, $2)")
            .bind(seq)
            .bind(&sealed[..])
            .execute(&mut connection)
            .await?;
        if meter.count(1) {
            latencies.record(started.elapsed());
        }
    }
    Ok(latencies)
}
