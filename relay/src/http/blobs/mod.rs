//! Blobs: files beside the logs, whose bytes go between client and storage.

pub(super) mod complete;
pub(super) mod download;
pub(super) mod parts;
pub(super) mod reference;
pub(super) mod remove;
pub(super) mod reserve;

use axum::{
    Router,
    extract::{FromRequestParts, Path},
    http::request::Parts,
    routing::{get, post},
};
use sealpost_protocol::{
    code::ErrorCode,
    http::paths,
    ids::{BlobId, SpaceId},
};

use super::{HttpState, bearer::AnyCaller, failure::Failure};
use crate::blobs::Caller;

const PATH: &str = "/v1/blobs/{space_id}/{blob_id}";

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route(paths::BLOBS, post(reserve::post))
        .route(PATH, get(download::get).delete(remove::delete))
        .route("/v1/blobs/{space_id}/{blob_id}/parts", post(parts::post))
        .route("/v1/blobs/{space_id}/{blob_id}/reference", post(reference::post))
}

/// Those that take the list of all parts.
pub(super) fn routes_with_lists() -> Router<HttpState> {
    Router::new().route("/v1/blobs/{space_id}/{blob_id}/complete", post(complete::post))
}

/// The blob that a path names, and who asks for it.
pub(super) struct Named {
    caller: Caller,
    space_id: SpaceId,
    blob_id: BlobId,
}

impl FromRequestParts<HttpState> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Failure> {
        let caller = AnyCaller::from_request_parts(parts, state).await?;
        // What is no id names no blob.
        let unknown = || Failure::new(ErrorCode::NotFound);
        let named = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((space_id, blob_id)) = named.map_err(|_| unknown())?;
        Ok(Self {
            caller: who(&caller),
            space_id: space_id.parse().map_err(|_| unknown())?,
            blob_id: blob_id.parse().map_err(|_| unknown())?,
        })
    }
}

fn who(AnyCaller(session): &AnyCaller) -> Caller {
    Caller {
        party: session.party(),
        principal: session.principal_id(),
    }
}
