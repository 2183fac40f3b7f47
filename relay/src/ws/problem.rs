//! Refusals before the upgrade, as RFC 9457 problem bodies.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION};
use http::{HeaderValue, StatusCode};
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::http::Problem;

/// The answer that carries `code`; `retry_after_s` in seconds.
#[must_use]
pub fn refuse(code: ErrorCode, retry_after_s: Option<u32>) -> Response {
    let problem = Problem {
        code: code.as_str().to_owned(),
        title: code.as_str().replace('_', " "),
        status: code.http_status(),
        detail: code.advice().to_owned(),
        retry_after_ms: retry_after_s.map(|seconds| u64::from(seconds) * 1000),
        limit: None,
    };
    let body = serde_json::to_vec(&problem).expect("a problem has only text and numbers");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(code.http_status()).expect("codes have valid statuses");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    match code {
        ErrorCode::MethodNotAllowed => drop(headers.insert(ALLOW, HeaderValue::from_static("GET"))),
        ErrorCode::UpgradeRequired => {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        _ => {}
    }
    if let Some(seconds) = retry_after_s {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}
