use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{ApprovalStart, ApprovalStarted};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// A new device asks to be let in by one that is logged in. Names no account.
#[utoipa::path(
    post,
    path = "/v1/login/approval/start",
    tag = "login",
    request_body = ApprovalStart,
    responses((status = 200, body = ApprovalStarted)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<ApprovalStart>,
) -> Answer<Json<ApprovalStarted>> {
    Ok(Json(state.directory().start_approval(address, request).await?))
}
