//! `GET /ready`: whether clients should be sent here.

use axum::{Json, extract::State};
use http::StatusCode;

use super::OpsState;
use crate::health::Report;

/// 200 or 503, and why, by part.
pub(super) async fn ready(State(state): State<OpsState>) -> (StatusCode, Json<Report>) {
    let report = state.health.report().await;
    let status = if report.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report))
}
