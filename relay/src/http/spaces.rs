use axum::{Json, extract::State};
use sealpost_protocol::http::SpaceList;

use super::{HttpState, bearer::AnyCaller, failure::Answer};

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
