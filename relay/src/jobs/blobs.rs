//! Sweeping blobs.

use std::time::Duration;

use super::ticks;
use crate::{
    blobs::{BlobError, BlobKeeper, Reach},
    metrics::BlobMetrics,
};

/// Sweeps by the clock, the first time at once, for as long as it is polled. A sweep that fails is begun again when its time
/// comes.
pub async fn run(keeper: BlobKeeper, metrics: BlobMetrics, period: Duration) {
    let mut ticks = ticks(period);
    loop {
        ticks.tick().await;
        if let Err(error) = sweep(&keeper, &metrics).await {
            metrics.failed();
            tracing::warn!(job.name = "blobs", %error, "a job failed; it will be run again");
        }
    }
}

async fn sweep(keeper: &BlobKeeper, metrics: &BlobMetrics) -> Result<(), BlobError> {
    let swept = keeper.sweep(Reach::Usual, |_| ()).await?;
    metrics.swept(&swept);
    metrics.totals(&keeper.ledger.totals().await?);
    if swept.stale + swept.removed > 0 {
        tracing::info!(
            job.name = "blobs",
            job.rows = swept.removed,
            "a job has cleaned up"
        );
    }
    Ok(())
}
