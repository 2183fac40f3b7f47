use axum::{Json, extract::State};
use sealpost_protocol::http::{KeystoreVersion, StagedCommit};

use super::super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// Puts the change in force that the caller's session has staged.
#[utoipa::path(
    post,
    path = "/v1/keystore/staged/commit",
    tag = "keystore",
    request_body = StagedCommit,
    responses((status = 200, body = KeystoreVersion)),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<StagedCommit>,
) -> Answer<Json<KeystoreVersion>> {
    Ok(Json(state.directory().commit_staged(&caller, &request).await?))
}
