use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{LoggedIn, RegistrationFinish};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// Second step of a registration: makes the account and logs its first device in.
#[utoipa::path(
    post,
    path = "/v1/registration/finish",
    tag = "registration",
    request_body = RegistrationFinish,
    responses((status = 200, body = LoggedIn)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<RegistrationFinish>,
) -> Answer<Json<LoggedIn>> {
    Ok(Json(
        state.directory().finish_registration(address, request).await?,
    ))
}
