use axum::{Json, extract::State};
use futures_util::future::BoxFuture;
use sealpost_protocol::{
    http::{SpaceList, SpaceView},
    ids::PrincipalId,
    keys::PublicKey,
};

use super::{HttpState, bearer::AnyCaller, failure::Answer};
use crate::{log::LogError, store_failure::StoreFailure};

/// Who knows the logs.
pub trait AskLog: Send + Sync {
    /// The spaces of which a principal is a member, in any order.
    fn spaces_of(&self, principal_id: PrincipalId) -> BoxFuture<'_, Result<Vec<SpaceView>, StoreFailure>>;

    /// The key under which checkpoints are signed.
    fn checkpoint_key(&self) -> BoxFuture<'_, Result<PublicKey, LogError>>;
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
    let mut spaces = state.log().spaces_of(caller.principal_id()).await?;
    spaces.sort_unstable_by_key(|space| space.space_id);
    Ok(Json(SpaceList { spaces }))
}
