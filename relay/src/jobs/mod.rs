//! What runs by the clock.

pub mod blobs;

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::log::{LogError, LogService};

/// Time between two looks, at most, into spaces that keep contents for a short time.
const SHORT_ROUND: Duration = Duration::from_secs(60);
/// What is a short time: an hour more until the next round of all spaces would be a good part of it.
const SHORT: Duration = Duration::from_secs(24 * 60 * 60);

/// Time between two runs of each job.
#[derive(Clone, Copy, Debug)]
pub struct JobPeriods {
    /// Of dropping what retention policies no longer keep; where they keep it for a day or less, it is looked at each minute.
    pub retention: Duration,
    /// Of deleting wraps that were staged and never used, and of finishing deletions of spaces that were cut short.
    pub staged_wraps: Duration,
}

impl Default for JobPeriods {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(60 * 60),
            staged_wraps: Duration::from_secs(10 * 60),
        }
    }
}

impl JobPeriods {
    fn short_round(&self) -> Duration {
        self.retention.min(SHORT_ROUND)
    }
}

/// Runs the jobs of the log, the first time at once, for as long as it is polled. One that fails is run again when its
/// time comes.
pub async fn run(log: LogService, periods: JobPeriods) {
    let mut retention = ticks(periods.retention);
    let mut short_retention = ticks(periods.short_round());
    let mut staged_wraps = ticks(periods.staged_wraps);
    loop {
        tokio::select! {
            _ = retention.tick() => report("retention", log.drop_expired().await),
            _ = short_retention.tick() => report("short_retention", log.drop_expired_within(SHORT).await),
            _ = staged_wraps.tick() => {
                report("staged_wraps", log.sweep_staged_wraps().await);
                report("shreds", log.finish_shreds().await);
            }
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn report(job: &'static str, outcome: Result<u64, LogError>) {
    match outcome {
        Ok(0) => {}
        Ok(rows) => tracing::info!(job.name = job, job.rows = rows, "a job has cleaned up"),
        Err(error) => tracing::warn!(job.name = job, error = %error, "a job failed; it will be run again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_that_are_kept_for_seconds_are_looked_at_each_minute_however_long_the_round_of_all_takes() {
        let every = |seconds| {
            let retention = Duration::from_secs(seconds);
            let periods = JobPeriods {
                retention,
                ..JobPeriods::default()
            };
            periods.short_round().as_secs()
        };
        assert_eq!((every(3600), every(86_400), every(5)), (60, 60, 5));
    }
}
