//! A client that sends requests straight into the router.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use ed25519_dalek::SigningKey;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use sealpost_protocol::{
    http::{LoggedIn, Problem, SecretToken, SpaceView},
    ids::{PrincipalId, SpaceId},
    keys::PublicKey,
};
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt;

use crate::{
    access::AccessGate,
    client_address::ClientAddress,
    http::{AskLog, HttpSettings, HttpState, RelayIdentity, router},
    log::LogError,
    store_failure::StoreFailure,
    testing::{ADDRESS, Person, TestDirectory},
};

/// The one space that everybody in these tests is a member of.
pub fn space() -> SpaceView {
    SpaceView {
        space_id: SpaceId::new([5; 32]),
        head_seq: 17,
    }
}

struct LogOfOneSpace;

impl AskLog for LogOfOneSpace {
    fn spaces_of(&self, _: PrincipalId) -> BoxFuture<'_, Result<Vec<SpaceView>, StoreFailure>> {
        Box::pin(async { Ok(vec![space()]) })
    }

    fn checkpoint_key(&self) -> BoxFuture<'_, Result<PublicKey, LogError>> {
        Box::pin(async { Ok(PublicKey::of(&SigningKey::from_bytes(&[6; 32]))) })
    }
}

/// The router and what stands behind it.
pub struct Api {
    pub test: TestDirectory,
    router: Router,
}

impl Api {
    pub async fn new() -> Self {
        Self::on(TestDirectory::new().await)
    }

    pub fn on(test: TestDirectory) -> Self {
        Self::behind(test, None)
    }

    /// With Access in front.
    pub fn behind(test: TestDirectory, access: Option<Arc<AccessGate>>) -> Self {
        let settings = HttpSettings {
            allowed_origins: vec!["https://app.example.org".into()],
            ..HttpSettings::default()
        };
        let identity = RelayIdentity {
            version: "1.2.3",
            subprotocols: vec!["sealpost.v1".into()],
        };
        let state = HttpState::new(
            Arc::clone(&test.directory),
            Arc::new(LogOfOneSpace),
            None,
            identity,
            settings,
        );
        let socket = Router::new().route("/v1/socket", axum::routing::get(|| async { "upgraded" }));
        Self {
            router: router(state, socket, access),
            test,
        }
    }

    /// Sends any request, as from the address of test clients.
    pub async fn send(&self, mut request: Request<Body>) -> Response<Body> {
        request.extensions_mut().insert(ClientAddress(ADDRESS));
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request with or without a JSON body and a session.
    pub async fn call<T: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        session: Option<&SecretToken>,
        body: Option<&T>,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = session {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", *token.expose_text()));
        }
        let body = body.map_or(Body::empty(), |body| {
            Body::from(serde_json::to_vec(body).unwrap())
        });
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .unwrap();
        self.send(request).await
    }

    pub async fn get<A: DeserializeOwned>(&self, path: &str, session: Option<&SecretToken>) -> A {
        answer(self.call(Method::GET, path, session, None::<&()>).await).await
    }

    pub async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        session: Option<&SecretToken>,
        body: &(impl Serialize + Sync),
    ) -> A {
        answer(self.call(Method::POST, path, session, Some(body)).await).await
    }

    /// Registers somebody with a fresh token.
    pub async fn register(&self, person: &Person) -> LoggedIn {
        let (client, request) = person.registration_start(Some(self.test.token().await));
        let started = self.post("/v1/registration/start", None, &request).await;
        let finish = person.registration_finish(client, &started);
        self.post("/v1/registration/finish", None, &finish).await
    }
}

/// The body of a success.
pub async fn answer<A: DeserializeOwned>(response: Response<Body>) -> A {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// The problem of a refusal, whose status and type must fit.
pub async fn problem(response: Response<Body>) -> Problem {
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: Problem = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem.status, status);
    problem
}
