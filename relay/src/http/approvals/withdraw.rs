use axum::{Extension, extract::State, http::StatusCode};
use sealpost_protocol::http::ApprovalClaim;

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// The new device asks no more.
#[utoipa::path(
    post,
    path = "/v1/login/approval/withdraw",
    tag = "login",
    request_body = ApprovalClaim,
    responses((status = 204, description = "Forgotten.")),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<ApprovalClaim>,
) -> Answer<StatusCode> {
    state.directory().withdraw_approval(address, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}
