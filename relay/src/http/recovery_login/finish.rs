use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{LoggedIn, RecoveryLoginFinish};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// Second step of a login with a recovery code: opens a session.
#[utoipa::path(
    post,
    path = "/v1/login/recovery/finish",
    tag = "login",
    request_body = RecoveryLoginFinish,
    responses((status = 200, body = LoggedIn)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<RecoveryLoginFinish>,
) -> Answer<Json<LoggedIn>> {
    Ok(Json(
        state.directory().finish_recovery_login(address, request).await?,
    ))
}
