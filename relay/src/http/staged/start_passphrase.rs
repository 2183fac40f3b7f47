use axum::{Json, extract::State};
use sealpost_protocol::http::{PassphraseStart, PassphraseStarted};

use super::super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// Answers OPAQUE's registration request for a new passphrase.
#[utoipa::path(
    post,
    path = "/v1/keystore/passphrase/start",
    tag = "keystore",
    request_body = PassphraseStart,
    responses((status = 200, body = PassphraseStarted)),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<PassphraseStart>,
) -> Answer<Json<PassphraseStarted>> {
    Ok(Json(state.directory().start_passphrase(&caller, &request).await?))
}
