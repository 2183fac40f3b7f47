//! Clients of one bucket.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use url::Url;
use zeroize::Zeroizing;

use crate::blobs::ports::StorageError;

/// Attempts at one request, while the storage answers with what may pass.
const ATTEMPTS: u32 = 3;

/// Where a bucket is, and how it is spoken to.
#[derive(Clone)]
pub struct S3Settings {
    /// Where the relay reaches the server.
    pub endpoint: Url,
    /// Where clients reach it.
    pub public_endpoint: Url,
    /// Its region, as it is signed.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Whether the bucket stands in the path; else it is part of the host's name.
    pub path_style: bool,
    /// Id of the key.
    pub access_key: String,
    /// The key.
    pub secret_key: Zeroizing<String>,
    /// Certificate authorities (PEM) that alone are trusted; else the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// How long one attempt at a request may take.
    pub request_timeout: Duration,
}

impl S3Settings {
    /// What every public address of an object begins with.
    #[must_use]
    pub fn url_prefix(&self) -> String {
        let mut url = self.public_endpoint.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        if self.path_style {
            url.set_path(&format!("{path}/{}/", self.bucket));
        } else {
            let host = format!("{}.{}", self.bucket, url.host_str().unwrap_or_default());
            // Fails for a host that is an address only, which the configuration refuses.
            let _ = url.set_host(Some(&host));
            url.set_path(&format!("{path}/"));
        }
        url.to_string()
    }
}

#[cfg(test)]
impl S3Settings {
    /// A bucket at a server that takes any key.
    pub(crate) fn at(endpoint: Url) -> Self {
        Self {
            public_endpoint: endpoint.clone(),
            endpoint,
            region: "garage".into(),
            bucket: "blobs".into(),
            path_style: true,
            access_key: "id".into(),
            secret_key: Zeroizing::new("key".into()),
            ca_pem: None,
            request_timeout: Duration::from_secs(20),
        }
    }
}

/// Two clients of one bucket: for requests, and for what is signed for others.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) inside: Client,
    pub(super) public: Client,
}

impl Clients {
    pub(super) fn new(settings: &S3Settings) -> Result<Self, StorageError> {
        let http = http_client(settings)?;
        Ok(Self {
            inside: client(settings, &settings.endpoint, http.clone()),
            public: client(settings, &settings.public_endpoint, http),
        })
    }
}

/// Without TLS where none is spoken, so that no system store of certificates is looked for.
fn http_client(settings: &S3Settings) -> Result<SharedHttpClient, StorageError> {
    if settings.endpoint.scheme() == "http" {
        return Ok(aws_smithy_http_client::Builder::new().build_http());
    }
    let trust = match &settings.ca_pem {
        Some(pem) => TrustStore::empty().with_pem_certificate(pem.clone()),
        None => TrustStore::default(),
    };
    let tls = TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|error| StorageError::Refused(Box::new(error)))?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https())
}

fn client(settings: &S3Settings, endpoint: &Url, http: SharedHttpClient) -> Client {
    let secret = settings.secret_key.as_str();
    let credentials = Credentials::new(&settings.access_key, secret, None, None, "configuration");
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.request_timeout.min(Duration::from_secs(5)))
        .operation_attempt_timeout(settings.request_timeout)
        .build();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .region(Region::new(settings.region.clone()))
        .endpoint_url(endpoint.as_str())
        .force_path_style(settings.path_style)
        .credentials_provider(credentials)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        // Not every server knows the checksums that the SDK would add by itself, and no body is ours.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}
