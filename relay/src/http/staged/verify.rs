use axum::{Json, extract::State};
use sealpost_protocol::http::{StagedVerified, StagedVerify};

use super::super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// Answers OPAQUE's login request on the staged record.
#[utoipa::path(
    post,
    path = "/v1/keystore/staged/verify",
    tag = "keystore",
    request_body = StagedVerify,
    responses((status = 200, body = StagedVerified)),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<StagedVerify>,
) -> Answer<Json<StagedVerified>> {
    Ok(Json(state.directory().verify_staged(&caller, &request).await?))
}
