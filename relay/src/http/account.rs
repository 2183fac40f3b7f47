use axum::{Json, extract::State, http::StatusCode};
use sealpost_protocol::http::AccountView;

use super::{HttpState, bearer::Caller, failure::Answer};

/// The caller's account.
#[utoipa::path(
    get,
    path = "/v1/account",
    tag = "account",
    responses((status = 200, body = AccountView)),
    security(("session" = [])),
)]
pub(super) async fn get(State(state): State<HttpState>, Caller(caller): Caller) -> Answer<Json<AccountView>> {
    Ok(Json(state.directory().account(&caller).await?))
}

/// Deletes the caller's account with everything that belongs to it; its sockets are closed. Needs a session younger than ten
/// minutes.
#[utoipa::path(
    delete,
    path = "/v1/account",
    tag = "account",
    responses((status = 204, description = "Deleted.")),
    security(("session" = [])),
)]
pub(super) async fn delete(State(state): State<HttpState>, Caller(caller): Caller) -> Answer<StatusCode> {
    state.directory().delete_own_account(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
