use axum::{extract::State, http::StatusCode};
use sealpost_protocol::http::ApprovalGrant;

use super::super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// Lets a new device into the caller's account; needs a fresh login.
#[utoipa::path(
    post,
    path = "/v1/login/approval/grant",
    tag = "login",
    request_body = ApprovalGrant,
    responses((status = 204, description = "The device can fetch it now.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<ApprovalGrant>,
) -> Answer<StatusCode> {
    state.directory().grant_approval(&caller, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}
