use axum::{Json, extract::State};
use sealpost_protocol::http::SessionList;

use super::super::{HttpState, bearer::AnyCaller, failure::Answer};

/// The caller's sessions, newest first.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    tag = "sessions",
    responses((status = 200, body = SessionList)),
    security(("session" = [])),
)]
pub(in crate::http) async fn get(
    State(state): State<HttpState>,
    AnyCaller(caller): AnyCaller,
) -> Answer<Json<SessionList>> {
    Ok(Json(state.directory().sessions(&caller).await?))
}
