use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{AgentLoginStart, AgentLoginStarted};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// First step of an agent's login. Ids of no agent get a challenge too.
#[utoipa::path(
    post,
    path = "/v1/agents/login/start",
    tag = "agents",
    request_body = AgentLoginStart,
    responses((status = 200, body = AgentLoginStarted)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<AgentLoginStart>,
) -> Answer<Json<AgentLoginStarted>> {
    Ok(Json(
        state.directory().start_agent_login(address, &request).await?,
    ))
}
