use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{RecoveryLoginStart, RecoveryLoginStarted};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// First step of a login with a recovery code. Unknown keys get a challenge too.
#[utoipa::path(
    post,
    path = "/v1/login/recovery/start",
    tag = "login",
    request_body = RecoveryLoginStart,
    responses((status = 200, body = RecoveryLoginStarted)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<RecoveryLoginStart>,
) -> Answer<Json<RecoveryLoginStarted>> {
    Ok(Json(
        state.directory().start_recovery_login(address, &request).await?,
    ))
}
