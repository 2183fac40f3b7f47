use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{LoginStart, LoginStarted};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// First step of a login with a passphrase. Unknown handles get an answer that looks the same.
#[utoipa::path(
    post,
    path = "/v1/login/start",
    tag = "login",
    request_body = LoginStart,
    responses((status = 200, body = LoginStarted)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<LoginStart>,
) -> Answer<Json<LoginStarted>> {
    Ok(Json(state.directory().start_login(address, &request).await?))
}
