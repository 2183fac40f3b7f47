//! The second listener, for operators and their machines: health, version and metrics. Never reachable from outside.

mod live;
mod metrics;
mod ready;
mod version;

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::{health::Health, metrics::Metrics};

/// What the routes show.
#[derive(Clone)]
pub struct OpsState {
    /// How the relay is.
    pub health: Arc<Health>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}

/// The routes of the ops listener.
pub fn router(state: OpsState) -> Router {
    Router::new()
        .route("/live", get(live::live))
        .route("/ready", get(ready::ready))
        .route("/version", get(version::version))
        .route("/metrics", get(metrics::metrics))
        .with_state(state)
}

#[cfg(test)]
mod tests;
