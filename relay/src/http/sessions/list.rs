use axum::{Json, extract::State};
use sealpost_protocol::http::SessionList;

use super::super::{HttpState, bearer::AnyCaller, failure::Answer};

/// The caller's sessions, newest first, and those that devices will get which were let in and have not come yet.
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
