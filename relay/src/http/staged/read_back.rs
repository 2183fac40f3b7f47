use axum::{Json, extract::State};
use sealpost_protocol::http::StagedView;

use super::super::{HttpState, bearer::Caller, failure::Answer};

/// The change that the caller's session has staged, as it is stored.
#[utoipa::path(
    get,
    path = "/v1/keystore/staged",
    tag = "keystore",
    responses((status = 200, body = StagedView)),
    security(("session" = [])),
)]
pub(in crate::http) async fn get(
    State(state): State<HttpState>,
    Caller(caller): Caller,
) -> Answer<Json<StagedView>> {
    Ok(Json(state.directory().staged(&caller).await?))
}
