//! The team's public keys: asked for when they are needed, kept, and asked for again when they are old or one is unknown.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, RwLock},
    time::Duration,
};

use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use jsonwebtoken::{DecodingKey, jwk::JwkSet};
use reqwest::{Body, Client};
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::{AccessSettings, Refusal};
use crate::{outbound, telemetry::chain};

/// Where a team's keys are.
const PATH: &str = "/cdn-cgi/access/certs";
/// The longest answer, in bytes: some 2 KiB for each key and its certificate, and there are two.
const MAX_ANSWER: usize = 256 * 1024;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Keys by their ids, as the team had them at one moment.
struct Keys {
    by_id: HashMap<String, Arc<DecodingKey>>,
    asked: Instant,
}

/// A team's keys.
pub(super) struct TeamKeys {
    url: Url,
    http: Client,
    fresh: Duration,
    usable: Duration,
    between_questions: Duration,
    kept: RwLock<Option<Arc<Keys>>>,
    /// Held by who asks the team; when that was done last.
    asking: Mutex<Option<Instant>>,
}

impl TeamKeys {
    pub(super) fn new(settings: &AccessSettings) -> Result<Self, &'static str> {
        Ok(Self {
            url: settings
                .team_url
                .join(PATH)
                .map_err(|_| "the team's URL cannot be used")?,
            http: outbound::client(&settings.team_url, settings.ca_file.as_deref(), TIMEOUT)?,
            fresh: settings.fresh,
            usable: settings.usable,
            between_questions: settings.between_questions,
            kept: RwLock::default(),
            asking: Mutex::default(),
        })
    }

    /// The key of that id, if the team has it.
    pub(super) async fn find(&self, id: &str) -> Result<Option<Arc<DecodingKey>>, Refusal> {
        match self.kept().filter(|keys| keys.by_id.contains_key(id)) {
            Some(keys) if keys.asked.elapsed() < self.fresh => {}
            // One asks; the others go on with what they have.
            Some(_) => {
                if let Ok(last) = self.asking.try_lock() {
                    self.ask(last).await;
                }
            }
            None => self.ask(self.asking.lock().await).await,
        }
        match self.kept() {
            Some(keys) if keys.asked.elapsed() < self.usable => Ok(keys.by_id.get(id).cloned()),
            _ => Err(Refusal::Unavailable),
        }
    }

    fn kept(&self) -> Option<Arc<Keys>> {
        self.kept
            .read()
            .expect("nothing panics while it holds the keys")
            .clone()
    }

    /// Asks the team, unless that was done just now.
    async fn ask(&self, mut last: tokio::sync::MutexGuard<'_, Option<Instant>>) {
        if last.is_some_and(|last| last.elapsed() < self.between_questions) {
            return;
        }
        *last = Some(Instant::now());
        match self.fetch().await {
            Ok(by_id) => {
                let keys = Keys {
                    by_id,
                    asked: Instant::now(),
                };
                *self.kept.write().expect("nothing panics while it holds the keys") = Some(Arc::new(keys));
            }
            Err(error) => tracing::warn!(error = chain(&error), "the keys of Access were not had"),
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<DecodingKey>>, FetchError> {
        let answer = self.http.get(self.url.clone()).send().await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let body = Limited::new(Body::from(answer), MAX_ANSWER).collect().await;
        let body = body.map_err(|_| FetchError::Body)?.to_bytes();
        let set: JwkSet = serde_json::from_slice(&body).map_err(|_| FetchError::Body)?;
        let key = |jwk: &_| DecodingKey::from_jwk(jwk).ok().map(Arc::new);
        let keys: HashMap<_, _> = set
            .keys
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone()?, key(jwk)?)))
            .collect();
        if keys.is_empty() {
            return Err(FetchError::Empty);
        }
        Ok(keys)
    }
}

impl fmt::Debug for TeamKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TeamKeys({})", self.url)
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer")]
    Network(#[from] reqwest::Error),
    #[error("the answer has status {0}")]
    Status(StatusCode),
    #[error("the answer is no set of keys, or too long")]
    Body,
    #[error("the answer holds no key with an id")]
    Empty,
}
