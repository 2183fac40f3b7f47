use axum::{Json, extract::State};
use sealpost_protocol::http::AgentList;

use super::super::{HttpState, bearer::Caller, failure::Answer};

/// The caller's agents, newest first. Candidates, until a person has compared their fingerprints.
#[utoipa::path(
    get,
    path = "/v1/agents",
    tag = "agents",
    responses((status = 200, body = AgentList)),
    security(("session" = [])),
)]
pub(in crate::http) async fn get(
    State(state): State<HttpState>,
    Caller(caller): Caller,
) -> Answer<Json<AgentList>> {
    Ok(Json(state.directory().agents(&caller).await?))
}
