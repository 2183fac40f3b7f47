//! How OpenBao is reached: TLS, timeouts, no detours.

use rustify::clients::reqwest::Client as HttpClient;
use url::Url;
use vaultrs::{
    api::EndpointMiddleware,
    client::{VaultClient, VaultClientSettings, VaultClientSettingsBuilder},
};

use super::settings::TransitSettings;
use crate::{atrest::key_wrapper::KeyWrapError, outbound};

/// One pool of connections, from which clients with different tokens are made.
pub(super) struct Connection {
    address: Url,
    http: reqwest::Client,
    settings: VaultClientSettings,
}

impl Connection {
    pub(super) fn new(settings: &TransitSettings) -> Result<Self, KeyWrapError> {
        let http = outbound::client(
            &settings.address,
            settings.ca_file.as_deref(),
            settings.request_timeout,
        );
        Ok(Self {
            address: settings.address.clone(),
            http: http.map_err(internal)?,
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
