use axum::{Json, extract::State};
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
