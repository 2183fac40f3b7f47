use axum::{Json, extract::State};
use sealpost_protocol::http::KeystoreHistory;

use super::super::{HttpState, bearer::Caller, failure::Answer};

/// The versions that are kept, newest first.
#[utoipa::path(
    get,
    path = "/v1/keystore/history",
    tag = "keystore",
    responses((status = 200, body = KeystoreHistory)),
    security(("session" = [])),
)]
pub(in crate::http) async fn get(
    State(state): State<HttpState>,
    Caller(caller): Caller,
) -> Answer<Json<KeystoreHistory>> {
    Ok(Json(state.directory().keystore_history(&caller).await?))
}
