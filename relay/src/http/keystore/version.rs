use axum::{
    Json,
    extract::{Path, State},
};
use sealpost_protocol::{code::ErrorCode, http::KeystoreView};

use super::super::{
    HttpState,
    bearer::Caller,
    failure::{Answer, Failure},
};

pub(in crate::http) const PATH: &str = "/v1/keystore/history/{version}";

/// One of the versions that are kept.
#[utoipa::path(
    get,
    path = "/v1/keystore/history/{version}",
    tag = "keystore",
    params(("version" = u64, Path, description = "The version's number.")),
    responses((status = 200, body = KeystoreView)),
    security(("session" = [])),
)]
pub(in crate::http) async fn get(
    State(state): State<HttpState>,
    Caller(caller): Caller,
    Path(version): Path<String>,
) -> Answer<Json<KeystoreView>> {
    // What is no number names no version.
    let version: u64 = version.parse().map_err(|_| Failure::new(ErrorCode::NotFound))?;
    Ok(Json(state.directory().keystore_version(&caller, version).await?))
}
