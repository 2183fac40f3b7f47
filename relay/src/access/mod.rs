//! Cloudflare Access in front of the relay: every request must carry its team's word on who sends it.
//!
//! The edge checks people and service tokens and adds `Cf-Access-Jwt-Assertion` (RFC 7519, RS256) to what it lets through. Whoever
//! reaches the relay around the edge has none, or one of another team or application. It opens no account: logins are ours.

mod assertion;
mod keys;
mod rs256;

use std::{path::PathBuf, time::Duration};

use http::{HeaderMap, HeaderName};
use url::Url;

use self::{assertion::Expected, keys::TeamKeys};

const ASSERTION: HeaderName = HeaderName::from_static("cf-access-jwt-assertion");

/// Which assertions count, and how the keys to check them are had.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// The team, as `https://alice-and-bob.cloudflareaccess.com`: issuer of the assertions, and where its keys are.
    pub team_url: Url,
    /// The application's audience tag.
    pub audience: String,
    /// The certificate authority (PEM) that alone is trusted for the team; else the system's.
    pub ca_file: Option<PathBuf>,
    /// How old the team's keys may become before they are asked for again. It rotates them every six weeks, with a week of grace.
    pub fresh: Duration,
    /// How old they may become while the team cannot be reached.
    pub usable: Duration,
    /// The least time between two questions, whatever strangers send.
    pub between_questions: Duration,
}

impl AccessSettings {
    /// With the times that suit Cloudflare.
    #[must_use]
    pub fn new(team_url: Url, audience: String, ca_file: Option<PathBuf>) -> Self {
        Self {
            team_url,
            audience,
            ca_file,
            fresh: Duration::from_secs(60 * 60),
            usable: Duration::from_secs(24 * 60 * 60),
            between_questions: Duration::from_secs(10),
        }
    }
}

/// Why a request does not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It shows no assertion that counts; the reason is for the operator.
    #[error("no assertion of Access that counts: {0}")]
    Denied(&'static str),
    /// The team's keys cannot be had, so no assertion can be judged.
    #[error("the keys of Access cannot be had")]
    Unavailable,
}

/// Lets in what Access let in.
#[derive(Debug)]
pub struct AccessGate {
    keys: TeamKeys,
    expected: Expected,
}

impl AccessGate {
    /// Nothing is asked yet. Blocks on a small local file.
    ///
    /// # Errors
    /// What is wrong with address or certificate file, in a sentence.
    pub fn new(settings: &AccessSettings) -> Result<Self, &'static str> {
        rs256::install();
        Ok(Self {
            keys: TeamKeys::new(settings)?,
            expected: Expected::of(settings),
        })
    }

    /// Judges a request by its headers.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut assertions = headers.get_all(ASSERTION).iter();
        let (Some(assertion), None) = (assertions.next(), assertions.next()) else {
            return Err(Refusal::Denied("there is not exactly one"));
        };
        let assertion = assertion.as_bytes();
        let key_id = assertion::key_id(assertion)?;
        let key = self.keys.find(&key_id).await?;
        let key = key.ok_or(Refusal::Denied("its key is not one of the team's"))?;
        self.expected.check(assertion, &key)
    }

    /// Asks the team for its keys, unless they are here.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn warm(&self) -> Result<(), Refusal> {
        self.keys.find("").await.map(drop)
    }
}

#[cfg(test)]
mod tests;
