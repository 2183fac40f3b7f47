use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use sealpost_protocol::{code::ErrorCode, ids::PrincipalId};

use super::super::{
    HttpState,
    bearer::Caller,
    failure::{Answer, Failure},
};

pub(super) const PATH: &str = "/v1/agents/{principal_id}";

/// Deletes one of the caller's agents: its sessions end and its sockets are closed.
#[utoipa::path(
    delete,
    path = "/v1/agents/{principal_id}",
    tag = "agents",
    params(("principal_id" = String, Path, description = "The agent's principal, in hex.")),
    responses((status = 204, description = "Deleted.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn delete(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Path(principal_id): Path<String>,
) -> Answer<StatusCode> {
    // What is no id names no agent.
    let principal_id: PrincipalId = principal_id
        .parse()
        .map_err(|_| Failure::new(ErrorCode::NotFound))?;
    state.directory().revoke_agent(&caller, principal_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
