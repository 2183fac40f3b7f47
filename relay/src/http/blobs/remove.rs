use axum::{extract::State, http::StatusCode};

use super::{
    super::{HttpState, failure::Answer},
    Named,
};

/// Deletes a blob, or gives its upload up: for who put it and for who manages the space.
#[utoipa::path(
    delete,
    path = "/v1/blobs/{space_id}/{blob_id}",
    tag = "blobs",
    params(
        ("space_id" = String, Path, description = "The space, in hex."),
        ("blob_id" = String, Path, description = "The blob, in hex."),
    ),
    responses((status = 204, description = "Deleted.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn delete(State(state): State<HttpState>, named: Named) -> Answer<StatusCode> {
    let blobs = state.blobs()?;
    blobs.delete(named.caller, named.space_id, named.blob_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
