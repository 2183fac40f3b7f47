use axum::{Json, extract::State};
use sealpost_protocol::http::{ApprovalLookup, ApprovalRequest};

use super::super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// What the new device with this code said of itself. To be checked against the code.
#[utoipa::path(
    post,
    path = "/v1/login/approval/lookup",
    tag = "login",
    request_body = ApprovalLookup,
    responses((status = 200, body = ApprovalRequest)),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<ApprovalLookup>,
) -> Answer<Json<ApprovalRequest>> {
    Ok(Json(state.directory().look_up_approval(&caller, &request).await?))
}
