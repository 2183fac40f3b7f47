//! What runs beside the serving.

use std::{sync::Arc, time::Duration};

use tokio::time::{self, Interval, MissedTickBehavior};

use super::{Parts, services::Services};
use crate::{
    atrest::DataKeys,
    config::JobsConfig,
    directory::Directory,
    jobs::{self, JobPeriods},
    lifecycle::Tasks,
    log::LogService,
    ws::end_revoked,
};

pub(super) fn start(tasks: &mut Tasks, config: &JobsConfig, parts: &Parts, services: &Services) {
    tasks.spawn(
        "key service check",
        check_keys(parts.keys.clone(), config.kms_check),
    );
    tasks.spawn("sweep", sweep(parts.directory.clone(), config.sweep));
    tasks.spawn("log", follow(services.log.clone()));
    let periods = JobPeriods {
        retention: config.retention,
        staged_wraps: config.staged_wraps,
    };
    tasks.spawn("log jobs", jobs::run(services.log.clone(), periods));
    if let Some((keeper, metrics)) = services.blobs.clone() {
        tasks.spawn("blobs", jobs::blobs::run(keeper, metrics, config.blobs));
    }
    let ended = parts.directory.ended_sessions();
    tasks.spawn(
        "revoked sessions",
        end_revoked(services.sockets.clone(), ended, config.session_check),
    );
}

/// Tries the key service by the clock, which also renews the credential.
async fn check_keys(keys: DataKeys, every: Duration) {
    let mut ticks = ticks(every);
    loop {
        ticks.tick().await;
        keys.check().await;
    }
}

/// Removes what is past its time.
async fn sweep(directory: Arc<Directory>, every: Duration) {
    let mut ticks = ticks(every);
    loop {
        ticks.tick().await;
        if let Err(error) = directory.sweep().await {
            tracing::warn!(%error, "what is past its time was not removed; next try later");
        }
    }
}

/// Keeps the logs in memory up with other relays. Ends only when the bus does.
async fn follow(log: LogService) {
    if let Err(error) = log.run().await {
        tracing::error!(%error, "the log hears nothing of other relays");
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
