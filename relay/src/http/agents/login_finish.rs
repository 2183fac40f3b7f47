use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{AgentLoggedIn, AgentLoginFinish};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// Second step of an agent's login: opens a session.
#[utoipa::path(
    post,
    path = "/v1/agents/login/finish",
    tag = "agents",
    request_body = AgentLoginFinish,
    responses((status = 200, body = AgentLoggedIn)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<AgentLoginFinish>,
) -> Answer<Json<AgentLoggedIn>> {
    Ok(Json(
        state.directory().finish_agent_login(address, request).await?,
    ))
}
