//! New devices that are let in by one that is logged in.

pub(super) mod claim;
pub(super) mod grant;
pub(super) mod look_up;
pub(super) mod start;
pub(super) mod withdraw;

use axum::{Router, routing::post};
use sealpost_protocol::http::paths;

use super::HttpState;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route(paths::APPROVAL_START, post(start::post))
        .route(paths::APPROVAL_CLAIM, post(claim::post))
        .route(paths::APPROVAL_WITHDRAW, post(withdraw::post))
        .route(paths::APPROVAL_LOOKUP, post(look_up::post))
        .route(paths::APPROVAL_GRANT, post(grant::post))
}
