//! `[blobs]`: an S3-compatible storage for members' files.

use std::{io, path::PathBuf, time::Duration};

use serde::Deserialize;
use url::Host;

use super::{
    error::Problems,
    kms::HttpUrl,
    secret::{Secret, SecretText},
    units,
    urls::{is_bare, is_public},
};

/// `[blobs]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobsConfig {
    /// Where the relay reaches the server, such as `http://garage:3900`.
    pub endpoint: HttpUrl,
    /// Where clients reach it, such as `https://s3.example.org`; the same if it is left out.
    pub public_endpoint: Option<HttpUrl>,
    /// The region that requests are signed for.
    #[serde(default = "region")]
    pub region: String,
    /// The bucket. It should hold nothing else.
    pub bucket: String,
    /// Whether the bucket stands in the path (`https://host/bucket/`) or in the host's name.
    #[serde(default = "path_style")]
    pub path_style: bool,
    access_key: Option<SecretText>,
    access_key_file: Option<PathBuf>,
    secret_key: Option<SecretText>,
    secret_key_file: Option<PathBuf>,
    /// The certificate authority (PEM) that alone is trusted; else the system's.
    pub ca_file: Option<PathBuf>,
    /// For how long an address that was given out is good.
    #[serde(
        rename = "url_lifetime_seconds",
        deserialize_with = "units::seconds",
        default = "url_lifetime"
    )]
    pub url_lifetime: Duration,
    /// For how long one attempt at a request may take.
    #[serde(
        rename = "request_timeout_ms",
        deserialize_with = "units::milliseconds",
        default = "request_timeout"
    )]
    pub request_timeout: Duration,
    /// For how long an upload may stand still before it is given up.
    #[serde(
        rename = "keep_unfinished_seconds",
        deserialize_with = "units::seconds",
        default = "one_day"
    )]
    pub keep_unfinished: Duration,
    /// For how long a blob is kept that no event refers to.
    #[serde(
        rename = "keep_unreferenced_seconds",
        deserialize_with = "units::seconds",
        default = "one_day"
    )]
    pub keep_unreferenced: Duration,
}

fn region() -> String {
    "us-east-1".into()
}

fn path_style() -> bool {
    true
}

fn url_lifetime() -> Duration {
    Duration::from_secs(5 * 60)
}

fn request_timeout() -> Duration {
    Duration::from_secs(10)
}

fn one_day() -> Duration {
    Duration::from_secs(24 * 60 * 60)
}

impl BlobsConfig {
    /// Where clients reach the server.
    #[must_use]
    pub fn public_endpoint(&self) -> &HttpUrl {
        self.public_endpoint.as_ref().unwrap_or(&self.endpoint)
    }

    /// Id of the key, and the key.
    ///
    /// # Errors
    /// When one of their files cannot be read.
    pub fn credentials(&self) -> io::Result<(SecretText, SecretText)> {
        const CHECKED: &str = "a checked configuration has both keys";
        let (access_key, secret_key) = (self.access_key(), self.secret_key());
        Ok((
            access_key.expect(CHECKED).read()?,
            secret_key.expect(CHECKED).read()?,
        ))
    }

    fn access_key(&self) -> Option<Secret> {
        Secret::either(self.access_key.as_ref(), self.access_key_file.as_ref())
    }

    fn secret_key(&self) -> Option<Secret> {
        Secret::either(self.secret_key.as_ref(), self.secret_key_file.as_ref())
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        for (key, secret) in [
            ("blobs.access_key", self.access_key()),
            ("blobs.secret_key", self.secret_key()),
        ] {
            match secret {
                Some(secret) => secret.check(key, problems),
                None => problems.demand(false, key, "give either the key or the file that holds it"),
            }
        }
        let public = &self.public_endpoint().0;
        problems.demand_in_production(
            is_public(public),
            "blobs.public_endpoint",
            "must be https and not this machine itself",
        );
        // A name with a dot is no part of a host that a certificate for all buckets is good for; no server is asked that way.
        let can_be_part = matches!(public.host(), Some(Host::Domain(_))) && !self.bucket.contains('.');
        problems.demand(
            self.path_style || can_be_part,
            "blobs.path_style",
            "neither an address nor a bucket with a dot can be part of a host's name: use path_style",
        );
        let named = [&self.endpoint.0, public].into_iter().all(is_bare);
        problems.demand(
            named,
            "blobs.endpoint",
            "must hold no name, password, query or fragment",
        );
        problems.demand(
            is_bucket(&self.bucket),
            "blobs.bucket",
            "use 3 to 63 of a-z, 0-9, dot and dash, and no dot or dash at an end",
        );
        let lifetime = (30..=3600).contains(&self.url_lifetime.as_secs());
        problems.demand(lifetime, "blobs.url_lifetime_seconds", "must be 30 to 3600");
        for (period, key) in [
            (self.request_timeout, "blobs.request_timeout_ms"),
            (self.keep_unfinished, "blobs.keep_unfinished_seconds"),
            (self.keep_unreferenced, "blobs.keep_unreferenced_seconds"),
        ] {
            problems.demand(!period.is_zero(), key, "must not be 0");
        }
    }
}

fn is_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    (3..=63).contains(&name.len()) && name.bytes().all(plain) && ends(bytes.first()) && ends(bytes.last())
}
