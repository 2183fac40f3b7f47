use axum::{Json, extract::State};
use sealpost_protocol::http::{BlobReserve, BlobReserved};

use super::{
    super::{HttpState, bearer::AnyCaller, body::Body, failure::Answer},
    who,
};

/// Reserves room for a blob against the quotas of account and space, or more room for one whose upload goes on.
#[utoipa::path(
    post,
    path = "/v1/blobs",
    tag = "blobs",
    request_body = BlobReserve,
    responses((status = 200, body = BlobReserved)),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    caller: AnyCaller,
    Body(request): Body<BlobReserve>,
) -> Answer<Json<BlobReserved>> {
    Ok(Json(state.blobs()?.reserve(who(&caller), &request).await?))
}
