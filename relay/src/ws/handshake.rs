//! The opening handshake of RFC 6455 section 4.2, with the checks that libraries leave out.

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HeaderName, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use sealpost_protocol::SUBPROTOCOL;
use sealpost_protocol::code::ErrorCode;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Length of the nonce in `Sec-WebSocket-Key`, in bytes.
const KEY: usize = 16;

/// A request that may be upgraded.
#[derive(Debug)]
pub struct Accepted {
    accept: HeaderValue,
}

impl Accepted {
    /// The answer 101.
    #[must_use]
    pub fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        response
    }
}

/// Checks everything about a request but who sends it.
///
/// # Errors
/// The code to refuse it with.
pub fn check<B>(request: &Request<B>, allowed_origins: &[String]) -> Result<Accepted, ErrorCode> {
    if request.method() != Method::GET {
        return Err(ErrorCode::MethodNotAllowed);
    }
    // A token in an address ends up in logs and histories; this endpoint takes no query, so it refuses all of them.
    if request.uri().query().is_some() {
        return Err(ErrorCode::Malformed);
    }
    let headers = request.headers();
    if request.version() != Version::HTTP_11 || !asks_for_this_socket(headers) {
        return Err(ErrorCode::UpgradeRequired);
    }
    check_origin(headers, allowed_origins)?;
    let accept = derive_accept_key(parse_key(headers)?);
    Ok(Accepted {
        accept: accept.parse().expect("base64 is valid in a header"),
    })
}

fn asks_for_this_socket(headers: &HeaderMap) -> bool {
    lists(headers, CONNECTION, |item| item.eq_ignore_ascii_case("upgrade"))
        && lists(headers, UPGRADE, |item| item.eq_ignore_ascii_case("websocket"))
        && lists(headers, SEC_WEBSOCKET_VERSION, |item| item == "13")
        && lists(headers, SEC_WEBSOCKET_PROTOCOL, |item| item == SUBPROTOCOL)
}

fn lists(headers: &HeaderMap, name: HeaderName, wanted: impl Fn(&str) -> bool) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| wanted(item.trim_ascii()))
}

/// Browsers send `Origin` and cannot be stopped by CORS from opening a WebSocket; other programs send none.
fn check_origin(headers: &HeaderMap, allowed_origins: &[String]) -> Result<(), ErrorCode> {
    let allowed = headers.get_all(ORIGIN).iter().all(|origin| {
        allowed_origins
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes())
    });
    allowed.then_some(()).ok_or(ErrorCode::OriginNotAllowed)
}

fn parse_key(headers: &HeaderMap) -> Result<&[u8], ErrorCode> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(ErrorCode::Malformed);
    };
    let mut nonce = [0; KEY];
    match STANDARD.decode_slice(key.as_bytes(), &mut nonce) {
        Ok(KEY) => Ok(key.as_bytes()),
        _ => Err(ErrorCode::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &[(&str, &str)] = &[
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "other, sealpost.v1"),
    ];

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn with(name: &'static str, value: &'static str) -> Request<()> {
        let mut headers = VALID.to_vec();
        headers.retain(|(other, _)| *other != name);
        headers.push((name, value));
        request("/v1/socket", &headers)
    }

    fn verdict(request: &Request<()>) -> Result<(), ErrorCode> {
        check(request, &["https://app.example.org".to_owned()]).map(drop)
    }

    #[test]
    fn answer_is_that_of_the_rfc() {
        let response = check(&request("/v1/socket", VALID), &[]).unwrap().into_response();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(
            response.headers()[SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], SUBPROTOCOL);
    }

    #[test]
    fn each_missing_or_wrong_header_is_refused() {
        for (name, value, code) in [
            ("connection", "close", ErrorCode::UpgradeRequired),
            ("upgrade", "h2c", ErrorCode::UpgradeRequired),
            ("sec-websocket-version", "8", ErrorCode::UpgradeRequired),
            (
                "sec-websocket-protocol",
                "sealpost.v2",
                ErrorCode::UpgradeRequired,
            ),
            ("sec-websocket-key", "YWJj", ErrorCode::Malformed),
            (
                "sec-websocket-key",
                "dGhlIHNhbXBsZSBub25jZSB0b28gbG9uZw==",
                ErrorCode::Malformed,
            ),
            ("sec-websocket-key", "!", ErrorCode::Malformed),
        ] {
            assert_eq!(verdict(&with(name, value)), Err(code), "{name}: {value}");
        }
        for (name, _) in VALID {
            let mut headers = VALID.to_vec();
            headers.retain(|(other, _)| other != name);
            assert!(verdict(&request("/v1/socket", &headers)).is_err(), "{name}");
        }
    }

    #[test]
    fn only_listed_origins_may_come_from_a_browser() {
        assert_eq!(verdict(&with("origin", "https://app.example.org")), Ok(()));
        for origin in [
            "https://evil.example",
            "https://app.example.org.evil.example",
            "null",
            "",
        ] {
            assert_eq!(
                verdict(&with("origin", origin)),
                Err(ErrorCode::OriginNotAllowed),
                "{origin}"
            );
        }
    }

    #[test]
    fn any_query_is_refused() {
        for uri in ["/v1/socket?token=abc", "/v1/socket?ticket=abc", "/v1/socket?"] {
            assert_eq!(verdict(&request(uri, VALID)), Err(ErrorCode::Malformed), "{uri}");
        }
    }

    #[test]
    fn other_methods_are_refused() {
        let mut post = request("/v1/socket", VALID);
        *post.method_mut() = Method::POST;
        assert_eq!(verdict(&post), Err(ErrorCode::MethodNotAllowed));
    }

    #[test]
    fn second_key_is_refused() {
        let mut headers = VALID.to_vec();
        headers.push(VALID[3]);
        assert_eq!(
            verdict(&request("/v1/socket", &headers)),
            Err(ErrorCode::Malformed)
        );
    }
}
