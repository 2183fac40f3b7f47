use axum::{Json, extract::State};
use sealpost_protocol::http::{BlobPartUrls, BlobPartsRequest};

use super::{
    super::{HttpState, body::Body, failure::Answer},
    Named,
};

/// Signs where parts can be put, each with its own length and hash.
#[utoipa::path(
    post,
    path = "/v1/blobs/{space_id}/{blob_id}/parts",
    tag = "blobs",
    params(
        ("space_id" = String, Path, description = "The space, in hex."),
        ("blob_id" = String, Path, description = "The blob, in hex."),
    ),
    request_body = BlobPartsRequest,
    responses((status = 200, body = BlobPartUrls)),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    named: Named,
    Body(request): Body<BlobPartsRequest>,
) -> Answer<Json<BlobPartUrls>> {
    let blobs = state.blobs()?;
    let signed = blobs.sign_parts(named.caller, named.space_id, named.blob_id, &request);
    Ok(Json(signed.await?))
}
