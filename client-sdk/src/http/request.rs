//! One request, one answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use sealpost_protocol::http::SecretToken;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{dial, problem, tls};
use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::entropy;
use crate::error::Error;
use crate::secret::SecretBytes;

/// Longest answer that is read: a keystore is 256 KiB before base64, a list of spaces stays far below.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// How long a request may take from its start to the end of its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The relay's HTTP API. Clones share connections.
#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    base: Url,
    host: HeaderValue,
    /// How long a request waits for a relay that cannot be reached.
    patience: Duration,
}

/// What came back with a status of success.
pub(super) struct Answer(SecretBytes);

impl Api {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(config)?)
            .dns_resolver(std::sync::Arc::new(dial::Resolver {
                connect_to: config.connect_to,
            }))
            .default_headers(config.headers.clone())
            .user_agent(concat!("sealpost/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(dial::connect_within(config.patience))
            .timeout(ANSWER_WITHIN)
            .redirect(Policy::none())
            .no_proxy()
            // Requests are minutes apart. A kept connection would more often be one that a restart has ended unseen, and
            // the request that finds out fails.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| Error::usage(format!("HTTP cannot be set up: {error}")))?;
        let host = HeaderValue::from_str(config.relay.authority())
            .expect("the authority of a URL is printable ASCII");
        Ok(Self {
            client,
            base: dial_url(config)?,
            host,
            patience: config.patience,
        })
    }

    /// The same API for what is of use only if it can be had now.
    pub(crate) fn at_once(&self) -> Self {
        Self {
            patience: Duration::ZERO,
            ..self.clone()
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        session: Option<&SecretToken>,
    ) -> Result<T, Error> {
        self.send(Method::GET, path, session, None).await?.parse()
    }

    pub(super) async fn delete(&self, path: &str, session: &SecretToken) -> Result<(), Error> {
        self.send(Method::DELETE, path, Some(session), None).await?;
        Ok(())
    }

    /// Asks for something that needs no body and has no answer.
    pub(super) async fn post_empty(&self, path: &str, session: &SecretToken) -> Result<(), Error> {
        self.send(Method::POST, path, Some(session), None).await?;
        Ok(())
    }

    /// Sends `body` as JSON; the answer is parsed as JSON.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        session: Option<&SecretToken>,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.send(Method::POST, path, session, Some(to_json(body)))
            .await?
            .parse()
    }

    /// Sends `body` as JSON; there is no answer but that it was done.
    pub(super) async fn post_for_nothing(
        &self,
        path: &str,
        session: Option<&SecretToken>,
        body: &impl Serialize,
    ) -> Result<(), Error> {
        self.send(Method::POST, path, session, Some(to_json(body)))
            .await?;
        Ok(())
    }

    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        session: &SecretToken,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.send(Method::PUT, path, Some(session), Some(to_json(body)))
            .await?
            .parse()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        session: Option<&SecretToken>,
        body: Option<Bytes>,
    ) -> Result<Answer, Error> {
        let mut url = self.base.clone();
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        let request = || {
            let request = self.client.request(method.clone(), url.clone());
            let request = request.headers(self.headers(session));
            match &body {
                Some(body) => request
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.clone()),
                None => request,
            }
        };
        // Boxed: it is large, and every call of the SDK carries it.
        let response = Box::pin(self.reach(request)).await.map_err(network_error)?;
        let status = response.status();
        let answer = read(response).await?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(problem::to_error(status, &answer.0))
        }
    }

    /// Sends a request. Without a connection nothing of it has left this device, so that it is tried again as long as
    /// patience lasts.
    async fn reach(&self, request: impl Fn() -> RequestBuilder) -> reqwest::Result<Response> {
        let begun = Instant::now();
        let mut backoff = Backoff::new(entropy::system());
        loop {
            let error = match request().send().await {
                Err(error) if error.is_connect() => error,
                result => return result,
            };
            let left = self.patience.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(error);
            }
            sleep(backoff.next_delay(None).min(left)).await;
        }
    }

    fn headers(&self, session: Option<&SecretToken>) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(HOST, self.host.clone())]);
        if let Some(token) = session {
            headers.insert(AUTHORIZATION, bearer(token));
        }
        headers
    }
}

impl Answer {
    fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.0)
            .map_err(|_| Error::network("the answer is not what a Sealpost relay sends"))
    }
}

/// The value of an `Authorization` header, marked as one not to be shown.
pub(crate) fn bearer(token: &SecretToken) -> HeaderValue {
    let text = Zeroizing::new(format!("Bearer {}", *token.expose_text()));
    let mut value = HeaderValue::from_str(&text).expect("a token's text is base64url");
    value.set_sensitive(true);
    value
}

/// The URL that is dialled. Where `connect_to` replaces the address, the name stays in the URL for the sake of TLS, but
/// the port goes: reqwest would use it instead of the one dialled. A plain request is dialled by the address itself.
fn dial_url(config: &ClientConfig) -> Result<Url, Error> {
    let mut url = config.relay.join("/");
    let Some(address) = config.connect_to else {
        return Ok(url);
    };
    if !config.relay.is_https() {
        return Ok(Url::parse(&format!("http://{address}/")).expect("an address is an authority"));
    }
    if !matches!(config.relay.host(), Host::Domain(_)) {
        return Err(Error::usage("connecting elsewhere needs a relay URL with a name"));
    }
    url.set_port(None).expect("an https URL can have a port");
    Ok(url)
}

/// The body as JSON in a buffer that is wiped: it may hold a registration upload or a token.
fn to_json(body: &impl Serialize) -> Bytes {
    let json = serde_json::to_vec(body).expect("the protocol's bodies have string keys only");
    Bytes::from_owner(Zeroizing::new(json))
}

async fn read(mut response: Response) -> Result<Answer, Error> {
    // With room for all of it, so that it does not move while it grows: it may hold a token.
    let room = response
        .content_length()
        .unwrap_or_default()
        .min(MAX_ANSWER as u64);
    let mut body = SecretBytes::new(Vec::with_capacity(usize::try_from(room).unwrap_or_default()));
    while let Some(chunk) = response.chunk().await.map_err(network_error)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Error::network("the answer is longer than any relay sends"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer(body))
}

/// The innermost cause, without the URL: that one is in the configuration.
fn network_error(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Error::network(format!("the relay cannot be reached: {cause}"))
}
