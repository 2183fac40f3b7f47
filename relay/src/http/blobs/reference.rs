use axum::{extract::State, http::StatusCode};
use sealpost_protocol::http::BlobReferenced;

use super::{
    super::{HttpState, body::Body, failure::Answer},
    Named,
};

/// Says which event refers to the blob: it is kept as long as that event's content.
#[utoipa::path(
    post,
    path = "/v1/blobs/{space_id}/{blob_id}/reference",
    tag = "blobs",
    params(
        ("space_id" = String, Path, description = "The space, in hex."),
        ("blob_id" = String, Path, description = "The blob, in hex."),
    ),
    request_body = BlobReferenced,
    responses((status = 204, description = "Noted.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn post(
    State(state): State<HttpState>,
    named: Named,
    Body(request): Body<BlobReferenced>,
) -> Answer<StatusCode> {
    let blobs = state.blobs()?;
    let noted = blobs.note_reference(named.caller, named.space_id, named.blob_id, request.seq);
    noted.await?;
    Ok(StatusCode::NO_CONTENT)
}
