use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use sealpost_protocol::{code::ErrorCode, ids::PrincipalId};
use serde::Deserialize;

use super::{
    super::{
        HttpState,
        failure::{Answer, Failure},
    },
    Named,
};

/// What the path does not say.
#[derive(Deserialize)]
pub(in crate::http) struct Of {
    author: Option<String>,
}

/// Deletes a blob, or gives its upload up: for who put it and for who manages the space.
#[utoipa::path(
    delete,
    path = "/v1/blobs/{space_id}/{blob_id}",
    tag = "blobs",
    params(
        ("space_id" = String, Path, description = "The space, in hex."),
        ("blob_id" = String, Path, description = "The blob, in hex."),
        ("author" = Option<String>, Query, description = "Who put it, in hex: a blob of somebody else is not found then."),
    ),
    responses((status = 204, description = "Deleted.")),
    security(("session" = [])),
)]
pub(in crate::http) async fn delete(
    State(state): State<HttpState>,
    named: Named,
    of: Result<Query<Of>, QueryRejection>,
) -> Answer<StatusCode> {
    let blobs = state.blobs()?;
    let Query(of) = of.map_err(|_| Failure::new(ErrorCode::Malformed))?;
    let author = of.author.map(|author| author.parse::<PrincipalId>()).transpose();
    // What is no id has put nothing.
    let author = author.map_err(|_| Failure::new(ErrorCode::NotFound))?;
    blobs
        .delete(named.caller, named.space_id, named.blob_id, author)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
