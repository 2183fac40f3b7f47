use axum::{extract::State, http::StatusCode};
use sealpost_protocol::http::BlobComplete;

use super::{
    super::{HttpState, body::Body, failure::Answer},
    Named,
};

/// Makes the blob of its parts, after a look at what is really there.
#[utoipa::path(
    post,
    path = "/v1/blobs/{space_id}/{blob_id}/complete",
    tag = "blobs",
    params(
        ("space_id" = String, Path, description = "The space, in hex."),
        ("blob_id" = String, Path, description = "The blob, in hex."),
    ),
    request_body = BlobComplete,
    responses((status = 204, description = "Complete.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    named: Named,
    Body(request): Body<BlobComplete>,
) -> Answer<StatusCode> {
    let blobs = state.blobs()?;
    let completed = blobs.complete(named.caller, named.space_id, named.blob_id, &request);
    completed.await?;
    Ok(StatusCode::NO_CONTENT)
}
