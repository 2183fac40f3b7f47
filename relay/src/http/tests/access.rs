//! Access in front of everything that clients can ask.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};

use super::client::{Api, problem};
use crate::{
    access::{AccessGate, AccessSettings},
    testing::{AUDIENCE, TeamKey, TestDirectory, TestTeam},
};

const PATHS: [&str; 5] = [
    "/v1/info",
    "/v1/openapi.json",
    "/i",
    "/v1/socket",
    "/nothing/here",
];

async fn api_of(team: &TestTeam) -> Api {
    let settings = AccessSettings::new(team.url(), AUDIENCE.into(), None);
    let gate = AccessGate::new(&settings).unwrap();
    Api::behind(TestDirectory::new().await, Some(Arc::new(gate)))
}

async fn ask(api: &Api, path: &str, assertion: Option<&str>) -> Response<Body> {
    let mut request = Request::get(path);
    if let Some(assertion) = assertion {
        request = request.header("Cf-Access-Jwt-Assertion", assertion);
    }
    api.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn nothing_answers_without_an_assertion_that_counts_and_everything_with_one() {
    let (key, forger) = (TeamKey::new("one"), TeamKey::new("one"));
    let team = TestTeam::with(&[&key]).await;
    let api = api_of(&team).await;
    let (good, forged) = (key.sign(&team.claims()), forger.sign(&team.claims()));
    for path in PATHS {
        for assertion in [None, Some(forged.as_str()), Some("x")] {
            let refused = ask(&api, path, assertion).await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
            assert_eq!(problem(refused).await.code, "access_denied", "{path}");
        }
        let answered = ask(&api, path, Some(&good)).await;
        let found = path != "/nothing/here";
        assert_eq!(answered.status() == StatusCode::OK, found, "{path}");
        assert_ne!(answered.status(), StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn team_that_cannot_be_reached_is_an_outage_and_no_refusal() {
    let key = TeamKey::new("one");
    let team = TestTeam::with(&[]).await;
    let api = api_of(&team).await;
    let answer = ask(&api, "/v1/info", Some(&key.sign(&team.claims()))).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn preflight_of_a_browser_carries_no_assertion_and_is_answered() {
    let key = TeamKey::new("one");
    let team = TestTeam::with(&[&key]).await;
    let api = api_of(&team).await;
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/v1/login/start")
        .header(header::ORIGIN, "https://app.example.org")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
    let answer = api.send(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(
        answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        "https://app.example.org"
    );
    let refused = Request::get("/v1/info").header(header::ORIGIN, "https://app.example.org");
    let refused = api.send(refused.body(Body::empty()).unwrap()).await;
    assert!(
        refused
            .headers()
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
        "or the page could not read why"
    );
}
