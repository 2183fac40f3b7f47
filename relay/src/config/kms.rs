//! `[kms]`: what wraps the keys of data at rest.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use serde::Deserialize;
use url::Url;

use super::{
    error::Problems,
    secret::{Secret, SecretText},
    units,
};

/// `[kms]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsConfig {
    /// Which of the two below is used.
    pub kind: KmsKind,
    /// A key file, for development.
    pub file: Option<KeyFileConfig>,
    /// OpenBao, for production.
    pub openbao: Option<OpenBaoConfig>,
    /// How data keys are kept in memory.
    #[serde(default)]
    pub cache: KeyCacheConfig,
}

/// What wraps keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KmsKind {
    /// A key in a local file: protects a copy of the database, not a copy of the disk.
    File,
    /// OpenBao's Transit engine.
    OpenBao,
}

/// `[kms.file]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFileConfig {
    /// The key file, made where there is none.
    pub path: PathBuf,
    /// Says that a key file is enough for this production.
    #[serde(default)]
    pub allow_in_production: bool,
}

/// `[kms.openbao]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenBaoConfig {
    /// Such as `https://openbao:8200`.
    pub address: HttpUrl,
    /// The certificate authority (PEM) that alone is trusted; else the system's.
    pub ca_file: Option<PathBuf>,
    /// Where Transit is mounted.
    #[serde(default = "mount")]
    pub mount: String,
    /// The Transit key.
    #[serde(default = "key_name")]
    pub key_name: String,
    /// Where AppRole is mounted.
    #[serde(default = "approle_mount")]
    pub approle_mount: String,
    /// The AppRole role id; with it belongs a secret id.
    pub role_id: Option<String>,
    secret_id: Option<SecretText>,
    secret_id_file: Option<PathBuf>,
    /// A file with a token that somebody else renews, instead of AppRole.
    pub token_file: Option<PathBuf>,
    /// For how long one request may take.
    #[serde(
        rename = "request_timeout_ms",
        deserialize_with = "units::milliseconds",
        default = "request_timeout"
    )]
    pub request_timeout: Duration,
}

/// `[kms.cache]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyCacheConfig {
    /// Data keys held in memory.
    pub max_keys: NonZeroUsize,
    /// How old a key in memory may become before it is opened again.
    #[serde(rename = "max_age_seconds", deserialize_with = "units::seconds")]
    pub max_age: Duration,
    /// For how long keys in memory stay in use while the key service is away.
    #[serde(rename = "degraded_window_seconds", deserialize_with = "units::seconds")]
    pub degraded_window: Duration,
}

impl Default for KeyCacheConfig {
    fn default() -> Self {
        Self {
            max_keys: NonZeroUsize::new(65_536).expect("not zero"),
            max_age: Duration::from_secs(60 * 60),
            degraded_window: Duration::from_secs(15 * 60),
        }
    }
}

fn mount() -> String {
    "transit".into()
}

fn key_name() -> String {
    "relay-atrest".into()
}

fn approle_mount() -> String {
    "approle".into()
}

fn request_timeout() -> Duration {
    Duration::from_secs(5)
}

impl KmsConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        match (self.kind, &self.file, &self.openbao) {
            (KmsKind::File, Some(file), None) => problems.demand_in_production(
                file.allow_in_production,
                "kms.kind",
                "a key file lies on the disk it protects: use openbao, or set kms.file.allow_in_production",
            ),
            (KmsKind::OpenBao, None, Some(openbao)) => openbao.check(problems),
            (KmsKind::File, ..) => problems.demand(false, "kms.kind", "needs [kms.file] and no other"),
            (KmsKind::OpenBao, ..) => problems.demand(false, "kms.kind", "needs [kms.openbao] and no other"),
        }
    }
}

impl OpenBaoConfig {
    /// The AppRole secret id, if AppRole is used.
    #[must_use]
    pub fn secret_id(&self) -> Option<Secret> {
        Secret::either(self.secret_id.as_ref(), self.secret_id_file.as_ref())
    }

    fn check(&self, problems: &mut Problems) {
        let secret_id = self.secret_id();
        let both = self.secret_id.is_some() && self.secret_id_file.is_some();
        problems.demand(
            !both,
            "kms.openbao.secret_id",
            "give either secret_id or secret_id_file",
        );
        if let Some(secret_id) = &secret_id {
            secret_id.check("kms.openbao.secret_id", problems);
        }
        if let Some(token_file) = &self.token_file {
            Secret::File(token_file.clone()).check("kms.openbao.token_file", problems);
        }
        let app_role = self.role_id.is_some() && (secret_id.is_some() || both);
        let any_of_app_role = self.role_id.is_some() || secret_id.is_some() || both;
        let one = if self.token_file.is_some() {
            !any_of_app_role
        } else {
            app_role
        };
        problems.demand(
            one,
            "kms.openbao",
            "give either role_id with a secret_id, or token_file",
        );
        let private = self.address.0.scheme() == "https" || self.is_on_this_machine();
        problems.demand_in_production(private, "kms.openbao.address", "must be https");
    }

    fn is_on_this_machine(&self) -> bool {
        match self.address.0.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            _ => false,
        }
    }
}

/// An `http` or `https` URL.
#[derive(Clone, Debug)]
pub struct HttpUrl(pub Url);

impl<'de> Deserialize<'de> for HttpUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self(url)),
            _ => Err(serde::de::Error::custom("must be an http(s) URL")),
        }
    }
}
