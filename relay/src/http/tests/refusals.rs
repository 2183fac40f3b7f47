//! Every refusal is a problem with a stable code.

use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{Method, Request, StatusCode, header},
};
use hyper::body::{Frame, SizeHint};
use sealpost_protocol::http::{KeystorePut, LoginStart, SecretToken};
use zeroize::Zeroizing;

use super::client::{Api, problem};
use crate::{
    directory::{DirectorySettings, Rate},
    testing::{ORIGIN, Person, TestDirectory},
};

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    request.body(body.into()).unwrap()
}

#[tokio::test]
async fn unknown_paths_and_other_methods_are_problems() {
    let api = Api::new().await;
    for path in ["/", "/v1", "/v1/unknown", "/v1/sessions/a/b", "/v2/info"] {
        let refused = api.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(problem(refused).await.code, "not_found", "{path}");
    }
    for (method, path) in [(Method::GET, "/v1/login/start"), (Method::PATCH, "/v1/keystore")] {
        let refused = api.call(method, path, None, None::<&()>).await;
        assert_eq!(problem(refused).await.code, "method_not_allowed", "{path}");
    }
}

#[tokio::test]
async fn bodies_that_do_not_parse_are_malformed_and_not_quoted() {
    let api = Api::new().await;
    let request = r#"{"handle":"alice","credential_request":"AA","passphrase":"canary"}"#;
    let bodies = [
        "",
        "{",
        "[]",
        "canary",
        r#"{"handle":"canary"}"#,
        r#"{"handle":7}"#,
        request,
    ];
    for body in bodies {
        let problem = problem(api.send(post("/v1/login/start", body)).await).await;
        assert_eq!(problem.code, "malformed", "{body}");
        assert!(!problem.detail.contains("canary"));
    }
    let untyped = Request::post("/v1/login/start").body(Body::from("{}")).unwrap();
    assert_eq!(problem(api.send(untyped).await).await.code, "malformed");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let api = Api::new().await;
    let large = vec![b' '; super::super::settings::MAX_BODY + 1];
    let problem = problem(api.send(post("/v1/login/start", large)).await).await;
    assert_eq!(
        (problem.code.as_str(), problem.limit),
        ("too_large", Some(353_624))
    );
}

/// A body that nobody may look into.
struct Unread(u64);

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("a body that is refused is not read");
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_unread() {
    let api = Api::new().await;
    let body = Body::new(Unread(16 << 20));
    let refused = problem(api.send(post("/v1/login/start", body)).await).await;
    assert_eq!(
        (refused.code.as_str(), refused.limit),
        ("too_large", Some(353_624))
    );
}

#[tokio::test]
async fn the_largest_keystore_fits_and_one_byte_more_does_not() {
    let api = Api::new().await;
    let session = api.register(&Person::alice()).await.session_token;
    let mut put = KeystorePut {
        base_version: 1,
        keystore: vec![1; 256 * 1024].into(),
    };
    let stored = api
        .call(Method::PUT, "/v1/keystore", Some(&session), Some(&put))
        .await;
    assert_eq!(stored.status(), StatusCode::OK);
    put.keystore.0.push(1);
    let refused = problem(
        api.call(Method::PUT, "/v1/keystore", Some(&session), Some(&put))
            .await,
    )
    .await;
    assert_eq!(
        (refused.code.as_str(), refused.limit),
        ("too_large", Some(256 * 1024))
    );
}

#[tokio::test]
async fn without_a_session_nothing_private_is_served() {
    let api = Api::new().await;
    let private = [
        (Method::GET, "/v1/account"),
        (Method::GET, "/v1/sessions"),
        (Method::DELETE, "/v1/sessions/current"),
        (Method::DELETE, "/v1/sessions/00"),
        (Method::GET, "/v1/spaces"),
        (Method::GET, "/v1/agents"),
        (Method::DELETE, "/v1/agents/00"),
        (Method::POST, "/v1/agents/pairing"),
        (Method::POST, "/v1/agents/heartbeat"),
        (Method::POST, "/v1/principals/lookup"),
        (Method::GET, "/v1/keystore"),
        (Method::PUT, "/v1/keystore"),
        (Method::GET, "/v1/keystore/history"),
        (Method::GET, "/v1/keystore/history/1"),
        (Method::POST, "/v1/keystore/passphrase/start"),
        (Method::GET, "/v1/keystore/staged"),
        (Method::POST, "/v1/keystore/staged"),
        (Method::POST, "/v1/keystore/staged/verify"),
        (Method::POST, "/v1/keystore/staged/commit"),
    ];
    let made_up = SecretToken::new(Zeroizing::new([7; 32]));
    for (method, path) in private {
        for token in [None, Some(&made_up)] {
            let refused = api.call(method.clone(), path, token, None::<&()>).await;
            assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], "Bearer");
            assert_eq!(
                problem(refused).await.code,
                "not_authenticated",
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn ids_that_name_nothing_are_not_found() {
    let api = Api::new().await;
    let session = api.register(&Person::alice()).await.session_token;
    let nothing = [
        (Method::DELETE, "/v1/sessions/xyz"),
        (Method::DELETE, "/v1/sessions/00000000000000000000000000000000"),
        (Method::GET, "/v1/keystore/history/2"),
        (Method::GET, "/v1/keystore/history/-1"),
        (Method::GET, "/v1/keystore/history/18446744073709551616"),
        (Method::GET, "/v1/keystore/staged"),
    ];
    for (method, path) in nothing {
        let refused = api.call(method, path, Some(&session), None::<&()>).await;
        assert_eq!(problem(refused).await.code, "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_secret_in_the_url_is_refused_even_where_no_route_is() {
    let api = Api::new().await;
    for path in [
        "/v1/info?token=abc",
        "/v1/socket?ticket=abc",
        "/nowhere?a=b&Token=abc",
    ] {
        let problem = problem(api.send(Request::get(path).body(Body::empty()).unwrap()).await).await;
        assert_eq!(
            (problem.code.as_str(), problem.status),
            ("malformed", 400),
            "{path}"
        );
        assert!(!problem.detail.contains("abc"));
    }
}

#[tokio::test]
async fn a_limit_says_when_to_come_back() {
    let mut settings = DirectorySettings::new(ORIGIN);
    settings.limits.logins_per_credential = Rate {
        burst: 1,
        refill: Duration::from_secs(90),
    };
    let api = Api::on(TestDirectory::with(settings).await);
    let (_, request) = Person::alice().login_start();
    let begin = async || {
        api.call(Method::POST, "/v1/login/start", None, Some(&request))
            .await
    };
    assert_eq!(begin().await.status(), StatusCode::OK);
    let refused = begin().await;
    let seconds: u64 = refused.headers()[header::RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((60..=90).contains(&seconds));
    let problem = problem(refused).await;
    assert_eq!((problem.code.as_str(), problem.status), ("rate_limited", 429));
    assert!(problem.retry_after_ms.unwrap() <= 90_000);
}

#[tokio::test]
async fn wrong_passphrase_unknown_handle_and_wrong_code_get_the_same_answer() {
    let api = Api::new().await;
    api.register(&Person::alice()).await;
    let mut answers = Vec::new();
    for person in [
        Person {
            passphrase: "a guess",
            ..Person::alice()
        },
        Person::new("nobody", 9),
    ] {
        let (client, request) = person.login_start();
        let started = api.post("/v1/login/start", None, &request).await;
        let finish = person.login_finish(client, &started);
        answers.push(
            problem(
                api.call(Method::POST, "/v1/login/finish", None, Some(&finish))
                    .await,
            )
            .await,
        );
    }
    assert_eq!(answers[0].code, "login_failed");
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_database_that_is_away_is_an_outage_that_says_when_to_come_back() {
    let api = Api::new().await;
    let session = api.register(&Person::alice()).await.session_token;
    api.test.store.close().await;
    let refused = api
        .call(Method::GET, "/v1/account", Some(&session), None::<&()>)
        .await;
    assert_eq!(refused.headers()[header::RETRY_AFTER], "2");
    assert_eq!(problem(refused).await.code, "overloaded");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let api = Api::new().await;
    // From here on only time passes: no connection to the database is needed.
    tokio::time::pause();
    let never = Body::from_stream(futures_util::stream::once(
        pending::<Result<Bytes, std::io::Error>>(),
    ));
    let refused = api.send(post("/v1/login/start", never)).await;
    assert_eq!(problem(refused).await.code, "overloaded");
}

#[tokio::test]
async fn a_handle_by_no_rule_is_told_from_a_request_by_no_rule() {
    let api = Api::new().await;
    let ask = async |handle: &str, request: Vec<u8>| {
        let request = LoginStart {
            handle: handle.into(),
            credential_request: request.into(),
        };
        problem(
            api.call(Method::POST, "/v1/login/start", None, Some(&request))
                .await,
        )
        .await
    };
    assert_eq!(ask("a b", vec![1; 96]).await.code, "handle_invalid");
    let problem = ask("alice", vec![1; 95]).await;
    assert_eq!(problem.code, "malformed");
    assert!(problem.detail.starts_with("credential_request: "));
}

#[tokio::test]
async fn answers_are_never_stored_and_only_listed_origins_may_call() {
    let api = Api::new().await;
    let ask = async |origin: &str, path: &str| {
        let request = Request::get(path).header(header::ORIGIN, origin);
        api.send(request.body(Body::empty()).unwrap()).await
    };
    for path in ["/v1/info", "/v1/account", "/nowhere"] {
        let listed = ask("https://app.example.org", path).await;
        assert_eq!(listed.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(
            listed.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://app.example.org"
        );
        let other = ask("https://evil.example", path).await;
        assert!(!other.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}
