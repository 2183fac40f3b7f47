use axum::{Json, extract::State};
use sealpost_protocol::http::{PairingStart, PairingStarted};

use super::super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// Lets one agent of the caller enroll, once and for a while.
#[utoipa::path(
    post,
    path = "/v1/agents/pairing",
    tag = "agents",
    request_body = PairingStart,
    responses((status = 200, body = PairingStarted)),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<PairingStart>,
) -> Answer<Json<PairingStarted>> {
    Ok(Json(state.directory().begin_pairing(&caller, &request).await?))
}
