//! What is done to every request and every answer.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{DefaultBodyLimit, Request, State},
    http::{
        HeaderValue, Method,
        header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use sealpost_protocol::code::ErrorCode;
use tower_http::{
    catch_panic::{CatchPanicLayer, ResponseForPanic},
    cors::{AllowOrigin, CorsLayer},
};

use super::{HttpSettings, HttpState, failure::Failure, pace::Pace};
use crate::{access::AccessGate, client_address::ClientAddress};

/// Names of query parameters that people put secrets in; what stands in a URL ends up in logs of proxies.
const SECRET_PARAMETERS: [&str; 4] = ["token", "ticket", "access_token", "session_token"];
/// How long a browser may remember what it may call.
const PREFLIGHT_AGE: Duration = Duration::from_secs(10 * 60);

/// Where no route is.
pub(super) async fn not_found() -> Failure {
    Failure::new(ErrorCode::NotFound)
}

/// Where the route is another method's.
pub(super) async fn method_not_allowed() -> Failure {
    Failure::new(ErrorCode::MethodNotAllowed)
}

/// Gives up on a request that takes too long: its body does not come, or its work does not end.
pub(super) async fn time_out(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::retry_after(ErrorCode::Overloaded, Duration::from_secs(1)).into_response(),
    }
}

/// Serves requests of one address no faster than its rate.
pub(super) async fn keep_pace(State(pace): State<Arc<Pace>>, request: Request, next: Next) -> Response {
    let Some(ClientAddress(address)) = request.extensions().get().copied() else {
        return Failure::new(ErrorCode::Internal).into_response();
    };
    match pace.turn(address).await {
        Ok(()) => next.run(request).await,
        Err(retry_after) => Failure::retry_after(ErrorCode::RateLimited, retry_after).into_response(),
    }
}

/// Routes whose bodies have `limit` bytes at most. A body that says itself that it has more is refused before a byte of it is read.
pub(super) fn with_bodies_up_to(limit: usize, routes: Router<HttpState>) -> Router<HttpState> {
    routes
        .layer(DefaultBodyLimit::max(limit))
        .layer(from_fn_with_state(limit, refuse_large_bodies))
}

async fn refuse_large_bodies(State(limit): State<usize>, request: Request, next: Next) -> Response {
    let least = request.body().size_hint().lower();
    if usize::try_from(least).is_ok_and(|least| least <= limit) {
        return next.run(request).await;
    }
    Failure::too_large(limit).into_response()
}

/// Lets through what Access let through, where the operator has it in front.
pub(super) async fn demand_access(
    State(gate): State<Option<Arc<AccessGate>>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(gate) = gate
        && let Err(refusal) = gate.admit(request.headers()).await
    {
        return Failure::from(refusal).into_response();
    }
    next.run(request).await
}

/// Answers are for the caller alone.
pub(super) async fn never_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Refuses URLs with a secret in them, so that no client gets used to that.
pub(super) async fn refuse_secrets_in_url(request: Request, next: Next) -> Response {
    if request.uri().query().is_some_and(has_secret) {
        return Failure::malformed("a secret in the URL").into_response();
    }
    next.run(request).await
}

fn has_secret(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| {
        SECRET_PARAMETERS
            .iter()
            .any(|secret| name.eq_ignore_ascii_case(secret))
    })
}

/// Lets browsers call from the listed origins only. There are no cookies, so no credentials to allow.
pub(super) fn cors(settings: &HttpSettings) -> CorsLayer {
    let origins = settings
        .allowed_origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([RETRY_AFTER])
        .max_age(PREFLIGHT_AGE)
}

/// Turns a panic in a handler into an answer; the panic hook has told the log.
pub(super) fn catch_panics() -> CatchPanicLayer<PanicAnswer> {
    CatchPanicLayer::custom(PanicAnswer)
}

/// The answer to a request whose handler panicked. What the panic said is not looked at.
#[derive(Clone, Copy)]
pub(super) struct PanicAnswer;

impl ResponseForPanic for PanicAnswer {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send + 'static>) -> Response {
        Failure::new(ErrorCode::Internal).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::limiter::Rate;

    #[tokio::test(start_paused = true)]
    async fn who_would_wait_for_too_long_is_told_when_to_come_back() {
        let pace = Arc::new(Pace::new(Rate::per(Duration::from_secs(5), 1), Duration::ZERO));
        let router = Router::new()
            .route("/", get(|| async {}))
            .layer(from_fn_with_state(pace, keep_pace));
        let ask = async || {
            let mut request = Request::new(Body::empty());
            let address = ClientAddress("192.0.2.1".parse().unwrap());
            request.extensions_mut().insert(address);
            router.clone().oneshot(request).await.unwrap()
        };
        assert_eq!(ask().await.status(), StatusCode::OK);
        let refused = ask().await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[RETRY_AFTER], "5");
    }

    #[test]
    fn secrets_in_a_query_are_seen_in_any_spelling() {
        for query in ["token=x", "a=b&ticket=", "TOKEN=x", "%74oken=x", "access_token=x"] {
            assert!(has_secret(query), "{query}");
        }
        for query in ["", "tokens=x", "a=token", "after=1"] {
            assert!(!has_secret(query), "{query}");
        }
    }
}
