use axum::{Json, extract::State};
use sealpost_protocol::http::{KeystoreStage, StagedView};

use super::super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// Stages a change in the place of an earlier one.
#[utoipa::path(
    post,
    path = "/v1/keystore/staged",
    tag = "keystore",
    request_body = KeystoreStage,
    responses((status = 200, body = StagedView)),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<KeystoreStage>,
) -> Answer<Json<StagedView>> {
    Ok(Json(state.directory().stage(&caller, &request).await?))
}
