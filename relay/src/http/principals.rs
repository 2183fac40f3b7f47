use axum::{Json, extract::State};
use sealpost_protocol::http::{PrincipalCandidate, PrincipalLookup};

use super::{HttpState, bearer::Caller, body::Body, failure::Answer};

/// The principal behind a handle: a candidate, until a person has compared its fingerprint.
#[utoipa::path(
    post,
    path = "/v1/principals/lookup",
    tag = "account",
    request_body = PrincipalLookup,
    responses((status = 200, body = PrincipalCandidate)),
    security(("session" = [])),
)]
pub(super) async fn look_up(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Body(request): Body<PrincipalLookup>,
) -> Answer<Json<PrincipalCandidate>> {
    Ok(Json(
        state.directory().look_up_principal(&caller, &request).await?,
    ))
}
