use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{ApprovalClaim, ApprovalClaimed};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// The new device asks what came of it; once it is approved it gets a session, once.
#[utoipa::path(
    post,
    path = "/v1/login/approval/claim",
    tag = "login",
    request_body = ApprovalClaim,
    responses((status = 200, body = ApprovalClaimed)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<ApprovalClaim>,
) -> Answer<Json<ApprovalClaimed>> {
    Ok(Json(state.directory().claim_approval(address, &request).await?))
}
