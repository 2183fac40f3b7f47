use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::{
    health::{Check, Condition},
    metrics::ConnectionMetrics,
};

async fn get(state: &OpsState, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router(state.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn state() -> OpsState {
    let metrics = Metrics::default();
    metrics.show(|registry| ConnectionMetrics::default().register(registry));
    OpsState {
        health: Arc::default(),
        metrics: Arc::new(metrics),
    }
}

#[tokio::test]
async fn a_starting_relay_lives_but_is_not_ready() {
    let state = state();
    assert_eq!(get(&state, "/live").await.0, StatusCode::OK);
    let (status, body) = get(&state, "/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, r#"{"status":"starting","checks":{}}"#);
}

#[tokio::test]
async fn readiness_names_the_part_that_failed() {
    let state = state();
    let look = || std::future::ready(Condition::Failed("gone".into()));
    state.health.serve(vec![Check::new("database", look)]);
    let (status, body) = get(&state, "/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        body,
        r#"{"status":"failed","checks":{"database":{"status":"failed","reason":"gone"}}}"#
    );
}

#[tokio::test]
async fn metrics_and_version_are_told() {
    let (status, body) = get(&state(), "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("sealpost_connections_open 0\n") && body.ends_with("# EOF\n"));
    assert!(
        get(&state(), "/version")
            .await
            .1
            .contains(r#""protocol":"sealpost.v1""#)
    );
}
