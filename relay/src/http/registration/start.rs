use axum::{Extension, Json, extract::State};
use sealpost_protocol::http::{RegistrationStart, RegistrationStarted};

use super::super::{HttpState, body::Body, failure::Answer};
use crate::client_address::ClientAddress;

/// First step of a registration: OPAQUE's request and the wanted handle.
#[utoipa::path(
    post,
    path = "/v1/registration/start",
    tag = "registration",
    request_body = RegistrationStart,
    responses((status = 200, body = RegistrationStarted)),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Body(request): Body<RegistrationStart>,
) -> Answer<Json<RegistrationStarted>> {
    Ok(Json(
        state.directory().start_registration(address, &request).await?,
    ))
}
