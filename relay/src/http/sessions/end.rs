use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use sealpost_protocol::{code::ErrorCode, ids::SessionId};

use super::super::{
    HttpState,
    bearer::AnyCaller,
    failure::{Answer, Failure},
};

pub(in crate::http) const PATH: &str = "/v1/sessions/{session_id}";

/// Ends one of the caller's sessions; its sockets are closed. Another than its own needs a fresh login.
#[utoipa::path(
    delete,
    path = "/v1/sessions/{session_id}",
    tag = "sessions",
    params(("session_id" = String, Path, description = "The session, in hex.")),
    responses((status = 204, description = "Ended.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn delete(
    State(state): State<HttpState>,
    AnyCaller(caller): AnyCaller,
    Path(session_id): Path<String>,
) -> Answer<StatusCode> {
    // What is no id names no session.
    let session_id: SessionId = session_id
        .parse()
        .map_err(|_| Failure::new(ErrorCode::NotFound))?;
    state.directory().end_session(&caller, session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
