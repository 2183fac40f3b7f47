//! The page behind an invite link: says what the link is for. It has no script at all, so that the part of the link
//! behind the `#`, which the browser keeps to itself, is read by nobody.

use std::sync::LazyLock;

use axum::{
    extract::State,
    http::header::{
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sealpost_protocol::hash::sha256;

use super::HttpState;

const STYLE: &str = include_str!("invite_page/style.css");
const PAGE: &str = include_str!("invite_page/page.html");

/// Nothing may be loaded, run, framed or sent from here; the one style is named by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(sha256(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// What the holder of a link does with it.
pub(super) async fn get(State(state): State<HttpState>) -> ([(HeaderName, String); 5], String) {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    let page = page(&state.directory().settings().origin);
    (headers.map(|(name, value)| (name, value.to_owned())), page)
}

/// The origin comes from the relay's own configuration, where only an origin is let in; nothing from a request is shown.
fn page(origin: &str) -> String {
    PAGE.replace("{style}", STYLE).replace("{origin}", origin)
}
