use axum::{Json, extract::State};
use futures_util::future::BoxFuture;
use sealpost_protocol::{
    http::{SpaceList, SpaceView},
    ids::PrincipalId,
};

use super::{HttpState, bearer::AnyCaller, failure::Answer};
use crate::store_failure::StoreFailure;

/// Who knows which spaces a principal is a member of.
pub trait ListSpaces: Send + Sync {
    /// The spaces, in any order.
    fn spaces_of(&self, principal_id: PrincipalId) -> BoxFuture<'_, Result<Vec<SpaceView>, StoreFailure>>;
}

/// The spaces that the caller's principal is a member of. A hint: clients verify each from its genesis record.
#[utoipa::path(
    get,
    path = "/v1/spaces",
    tag = "spaces",
    responses((status = 200, body = SpaceList)),
    security(("session" = [])),
)]
pub(super) async fn get(
    State(state): State<HttpState>,
    AnyCaller(caller): AnyCaller,
) -> Answer<Json<SpaceList>> {
    let mut spaces = state.spaces().spaces_of(caller.principal_id()).await?;
    spaces.sort_unstable_by_key(|space| space.space_id);
    Ok(Json(SpaceList { spaces }))
}
