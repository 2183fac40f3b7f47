use axum::{Json, extract::State};
use sealpost_protocol::http::{KeystorePut, KeystoreVersion};

use super::super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// Replaces the keystore if the named version is current.
#[utoipa::path(
    put,
    path = "/v1/keystore",
    tag = "keystore",
    request_body = KeystorePut,
    responses((status = 200, body = KeystoreVersion)),
    security(("session" = [])),
)]
pub(in crate::http) async fn put(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<KeystorePut>,
) -> Answer<Json<KeystoreVersion>> {
    Ok(Json(state.directory().put_keystore(&caller, &request).await?))
}
