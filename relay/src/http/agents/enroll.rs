use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{AgentEnroll, AgentLoggedIn};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// Makes an agent with the token that a pairing code derives, and opens its first session.
#[utoipa::path(
    post,
    path = "/v1/agents/enroll",
    tag = "agents",
    request_body = AgentEnroll,
    responses((status = 200, body = AgentLoggedIn)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<AgentEnroll>,
) -> Answer<Json<AgentLoggedIn>> {
    Ok(Json(state.directory().enroll_agent(address, request).await?))
}
