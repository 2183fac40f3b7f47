//! The HTTP API: JSON over HTTP/1.1, one file per endpoint.
//!
//! The types of the bodies and the paths are the protocol crate's. Every refusal is an RFC 9457 problem with a
//! stable code. Nothing here logs a path, a query, a header, an address or a body.

mod account;
mod agents;
mod approvals;
mod ask_log;
mod bearer;
mod blobs;
mod body;
mod failure;
mod info;
mod invite_page;
mod keystore;
mod layers;
pub mod listener;
mod login;
mod openapi;
mod pace;
mod principals;
mod recovery_login;
mod registration;
mod sessions;
mod settings;
mod spaces;
mod staged;
mod state;

use std::sync::Arc;

use axum::{
    Router,
    middleware::{self, from_fn_with_state},
    routing::{delete, get, post},
};
use sealpost_protocol::http::paths;

use self::pace::Pace;
use crate::access::AccessGate;

#[cfg(feature = "fuzzing")]
pub(crate) use self::listener::client_address;
pub use self::{
    ask_log::AskLog,
    settings::HttpSettings,
    state::{HttpState, RelayIdentity},
};

/// Every route of the public listener. `socket` is what answers `/v1/socket`; no timeout and no limit of a body
/// applies to it, everything else does. `access` judges every request but a browser's preflight, which carries nothing.
pub fn router(state: HttpState, socket: Router, access: Option<Arc<AccessGate>>) -> Router {
    let settings = state.settings().clone();
    let pace = Pace::new(settings.requests_per_address, settings::PATIENCE);
    let pace = Arc::new(pace);
    let api = api(state).layer(from_fn_with_state(settings.request_timeout, layers::time_out));
    api.merge(socket)
        .fallback(layers::not_found)
        .method_not_allowed_fallback(layers::method_not_allowed)
        .layer(from_fn_with_state(access, layers::demand_access))
        .layer(middleware::from_fn(layers::never_store))
        .layer(layers::cors(&settings))
        .layer(middleware::from_fn(layers::refuse_secrets_in_url))
        .layer(layers::catch_panics())
        .layer(from_fn_with_state(pace, layers::keep_pace))
}

fn api(state: HttpState) -> Router {
    let most = Router::new()
        .merge(public_routes())
        .merge(session_routes())
        .merge(keystore_routes())
        .merge(agents::routes())
        .merge(approvals::routes())
        .merge(blobs::routes());
    layers::with_bodies_up_to(settings::MAX_BODY, most)
        .merge(layers::with_bodies_up_to(
            settings::MAX_PART_LIST,
            blobs::routes_with_lists(),
        ))
        .with_state(state)
}

fn public_routes() -> Router<HttpState> {
    Router::new()
        .route(paths::INFO, get(info::get))
        .route(paths::OPENAPI, get(openapi::get))
        .route(paths::INVITE_PAGE, get(invite_page::get))
        .route(paths::REGISTRATION_START, post(registration::start::post))
        .route(paths::REGISTRATION_FINISH, post(registration::finish::post))
        .route(paths::LOGIN_START, post(login::start::post))
        .route(paths::LOGIN_FINISH, post(login::finish::post))
        .route(paths::RECOVERY_LOGIN_START, post(recovery_login::start::post))
        .route(paths::RECOVERY_LOGIN_FINISH, post(recovery_login::finish::post))
}

fn session_routes() -> Router<HttpState> {
    Router::new()
        .route(paths::SESSIONS, get(sessions::list::get))
        .route(paths::SESSION_CURRENT, delete(sessions::end_current::delete))
        .route(sessions::end::PATH, delete(sessions::end::delete))
        .route(paths::ACCOUNT, get(account::get).delete(account::delete))
        .route(paths::PRINCIPAL_LOOKUP, post(principals::look_up))
        .route(paths::SPACES, get(spaces::get))
}

fn keystore_routes() -> Router<HttpState> {
    Router::new()
        .route(
            paths::KEYSTORE,
            get(keystore::current::get).put(keystore::replace::put),
        )
        .route(paths::KEYSTORE_HISTORY, get(keystore::history::get))
        .route(keystore::version::PATH, get(keystore::version::get))
        .route(paths::PASSPHRASE_START, post(staged::start_passphrase::post))
        .route(
            paths::KEYSTORE_STAGED,
            get(staged::read_back::get).post(staged::stage::post),
        )
        .route(paths::KEYSTORE_STAGED_VERIFY, post(staged::verify::post))
        .route(paths::KEYSTORE_STAGED_COMMIT, post(staged::commit::post))
}

#[cfg(test)]
mod tests;
