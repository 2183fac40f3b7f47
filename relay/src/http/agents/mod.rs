//! Agents: programs that act for the caller.

pub(super) mod enroll;
pub(super) mod heartbeat;
pub(super) mod list;
pub(super) mod login_finish;
pub(super) mod login_start;
pub(super) mod pairing;
pub(super) mod revoke;

use axum::{
    Router,
    routing::{delete, get, post},
};
use sealpost_protocol::http::paths;

use super::HttpState;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route(paths::AGENTS, get(list::get))
        .route(revoke::PATH, delete(revoke::delete))
        .route(paths::AGENT_PAIRING, post(pairing::post))
        .route(paths::AGENT_ENROLL, post(enroll::post))
        .route(paths::AGENT_LOGIN_START, post(login_start::post))
        .route(paths::AGENT_LOGIN_FINISH, post(login_finish::post))
        .route(paths::AGENT_HEARTBEAT, post(heartbeat::post))
}
