use axum::{Json, extract::State};
use sealpost_protocol::http::{BlobStorage, Info};

use super::{HttpState, failure::Answer};
use crate::{blobs::BlobService, directory::Directory};

/// What anyone may know of this relay.
#[utoipa::path(get, path = "/v1/info", tag = "relay", responses((status = 200, body = Info)))]
pub(super) async fn get(State(state): State<HttpState>) -> Answer<Json<Info>> {
    let directory = state.directory();
    Ok(Json(Info {
        name: "sealpost".into(),
        version: state.identity().version.into(),
        subprotocols: state.identity().subprotocols.clone(),
        incarnation: directory.incarnation().await?,
        origin: directory.settings().origin.clone(),
        opaque_public_key: directory.opaque_public_key().await?.into(),
        checkpoint_key: state.log().checkpoint_key().await?.as_bytes().to_vec().into(),
        ksf: Directory::ksf(),
        open_registration: directory.settings().open_registration,
        blobs: state.blobs().ok().map(announce),
    }))
}

fn announce(blobs: &BlobService) -> BlobStorage {
    BlobStorage {
        url_prefix: blobs.url_prefix().to_owned(),
        url_lifetime_seconds: blobs.settings().url_lifetime.whole_seconds().unsigned_abs(),
    }
}
