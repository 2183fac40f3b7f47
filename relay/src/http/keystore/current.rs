use axum::{Json, extract::State};
use sealpost_protocol::http::KeystoreView;

use super::super::{HttpState, bearer::Caller, failure::Answer};

/// The current keystore.
#[utoipa::path(
    get,
    path = "/v1/keystore",
    tag = "keystore",
    responses((status = 200, body = KeystoreView)),
    security(("session" = [])),
)]
pub(in crate::http) async fn get(
    State(state): State<HttpState>,
    Caller(caller): Caller,
) -> Answer<Json<KeystoreView>> {
    Ok(Json(state.directory().keystore(&caller).await?))
}
