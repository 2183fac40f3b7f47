use axum::{Json, extract::State};
use sealpost_protocol::http::BlobDownload;

use super::{
    super::{HttpState, failure::Answer},
    Named,
};

/// Signs where the blob can be fetched, for who is a member now.
#[utoipa::path(
    get,
    path = "/v1/blobs/{space_id}/{blob_id}",
    tag = "blobs",
    params(
        ("space_id" = String, Path, description = "The space, in hex."),
        ("blob_id" = String, Path, description = "The blob, in hex."),
    ),
    responses((status = 200, body = BlobDownload)),
    security(("session" = [])),
)]
pub(in crate::http) async fn get(State(state): State<HttpState>, named: Named) -> Answer<Json<BlobDownload>> {
    let blobs = state.blobs()?;
    let signed = blobs.sign_download(named.caller, named.space_id, named.blob_id);
    Ok(Json(signed.await?))
}
