use axum::{extract::State, http::StatusCode};

use super::super::{HttpState, bearer::AnyCaller, failure::Answer};

/// Ends the caller's session: logs the device out.
#[utoipa::path(
    delete,
    path = "/v1/sessions/current",
    tag = "sessions",
    responses((status = 204, description = "Ended.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn delete(
    State(state): State<HttpState>,
    AnyCaller(caller): AnyCaller,
) -> Answer<StatusCode> {
    state
        .directory()
        .end_session(&caller, caller.session_id())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
