//! The page behind an invite link.

use axum::http::{HeaderMap, Method, StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::BodyExt;
use sealpost_protocol::{hash::sha256, http::paths};

use super::client::Api;
use crate::testing::ORIGIN;

async fn page() -> (HeaderMap, String) {
    let api = Api::new().await;
    let answer = api.call(Method::GET, paths::INVITE_PAGE, None, None::<&()>).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn page_behind_a_link_says_how_to_join_at_this_relay() {
    let (headers, page) = page().await;
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert!(page.contains("sealpost register") && page.contains("<pre>sealpost join</pre>"));
    assert!(page.contains("asks for the link") && page.contains("<pre>sealpost join - &lt; FILE</pre>"));
    assert!(page.contains("wait for approval"), "{page}");
    assert!(page.contains(&format!("SEALPOST_RELAY_URL={ORIGIN}\n")), "{page}");
    assert!(!page.contains("{origin}") && !page.contains("{style}"), "{page}");
}

#[tokio::test]
async fn page_behind_a_link_runs_loads_and_tells_nothing() {
    let (headers, page) = page().await;
    for word in [
        "<script",
        "javascript:",
        "src=",
        "href=",
        "url(",
        "@import",
        "<form",
        "<iframe",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let (_, style) = page.split_once("<style>").unwrap();
    let (style, _) = style.split_once("</style>").unwrap();
    let hash = BASE64_STANDARD.encode(sha256(style.as_bytes()));
    assert!(
        policy.contains(&format!("style-src 'sha256-{hash}';")),
        "{policy}"
    );
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["x-content-type-options"], "nosniff");
}
