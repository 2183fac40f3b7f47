use axum::{extract::State, http::StatusCode};

use super::super::{HttpState, bearer::AgentCaller, failure::Answer};

/// A sign of life of the agent that calls; its owner sees when the last one came.
#[utoipa::path(
    post,
    path = "/v1/agents/heartbeat",
    tag = "agents",
    responses((status = 204, description = "Noted.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    AgentCaller(caller): AgentCaller,
) -> Answer<StatusCode> {
    state.directory().agent_heartbeat(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
