//! How OpenBao is reached: TLS, timeouts, no detours.

use std::{sync::Once, time::Duration};

use reqwest::{Certificate, ClientBuilder, redirect::Policy};
use rustify::clients::reqwest::Client as HttpClient;
use url::Url;
use vaultrs::{
    api::EndpointMiddleware,
    client::{VaultClient, VaultClientSettings, VaultClientSettingsBuilder},
};

use super::settings::TransitSettings;
use crate::atrest::key_wrapper::KeyWrapError;

/// A server on the same network accepts at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// One pool of connections, from which clients with different tokens are made.
pub(super) struct Connection {
    address: Url,
    http: reqwest::Client,
    settings: VaultClientSettings,
}

impl Connection {
    pub(super) fn new(settings: &TransitSettings) -> Result<Self, KeyWrapError> {
        install_crypto_provider();
        Ok(Self {
            address: settings.address.clone(),
            http: http_client(settings)?,
            settings: vaultrs_settings(settings)?,
        })
    }

    /// A client that shows `token`; an empty one to log in.
    pub(super) fn client(&self, token: &str) -> VaultClient {
        VaultClient {
            http: HttpClient::new(self.address.as_str(), self.http.clone()),
            middle: EndpointMiddleware {
                token: token.to_owned(),
                version: "v1".to_owned(),
                wrap: None,
                namespace: None,
            },
            settings: self.settings.clone(),
        }
    }
}

/// Gives rustls its one source of primitives, for the whole process. Doing so again is harmless.
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only when the process has a provider already, which is then as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Never follows a redirect and never uses a proxy: either would carry the token to somebody else.
fn http_client(settings: &TransitSettings) -> Result<reqwest::Client, KeyWrapError> {
    let builder = ClientBuilder::new()
        .timeout(settings.request_timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(settings.request_timeout))
        .redirect(Policy::none())
        .no_proxy();
    let trusting = match (&settings.ca_file, settings.address.scheme()) {
        (Some(_), "https") | (None, "http") => builder.tls_certs_only(certificates(settings)?),
        (None, "https") => builder,
        (Some(_), "http") => return Err(internal("a certificate authority is of no use without https")),
        _ => return Err(internal("the address is neither http nor https")),
    };
    trusting
        .build()
        .map_err(|_| internal("the TLS settings cannot be used"))
}

/// None for plain HTTP, so that no system store is looked for (reqwest issue 2988).
fn certificates(settings: &TransitSettings) -> Result<Vec<Certificate>, KeyWrapError> {
    let Some(path) = &settings.ca_file else {
        return Ok(Vec::new());
    };
    let pem = std::fs::read(path).map_err(|_| internal("the certificate file cannot be read"))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(internal("the certificate file holds no certificate")),
    }
}

/// vaultrs takes what is not set here from the environment (`VAULT_TOKEN`, `VAULT_SKIP_VERIFY` ...).
fn vaultrs_settings(settings: &TransitSettings) -> Result<VaultClientSettings, KeyWrapError> {
    VaultClientSettingsBuilder::default()
        .address(&settings.address)
        .token("")
        .verify(true)
        .ca_certs(Vec::new())
        .identity(None)
        .timeout(Some(settings.request_timeout))
        .build()
        .map_err(|_| internal("the address cannot be used"))
}

fn internal(why: &'static str) -> KeyWrapError {
    KeyWrapError::Internal(why.into())
}
