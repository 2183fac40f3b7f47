//! Whether the server can be used, asked the way the relay will use it.

use std::{fs, path::Path, time::Duration};

use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{super::EmbeddedError, server_config::ROLE_ID};

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Logs in as the relay and encrypts a word.
pub(super) struct Probe {
    http: reqwest::Client,
    address: String,
    secret_id: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Login {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
}

impl Probe {
    /// Reads the secret id; asks nothing yet.
    pub(super) fn new(address: String, secret_id_file: &Path) -> Result<Self, EmbeddedError> {
        let secret_id = fs::read_to_string(secret_id_file)
            .map(Zeroizing::new)
            .map_err(EmbeddedError::file("read", secret_id_file))?;
        // Already installed is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(LIMIT)
            .build()
            .expect("a client without certificates of its own can always be built");
        Ok(Self {
            http,
            address,
            secret_id,
        })
    }

    /// Health alone would not do: it says nothing about the key, the policy and the role.
    pub(super) async fn can_encrypt(&self) -> bool {
        self.encrypt().await.is_ok()
    }

    async fn encrypt(&self) -> reqwest::Result<()> {
        let credential = json!({ "role_id": ROLE_ID, "secret_id": self.secret_id.as_str() });
        let login: Login = self
            .post("auth/approle/login", None, &credential)
            .await?
            .json()
            .await?;
        let token = Zeroizing::new(login.auth.client_token);
        let word = json!({ "plaintext": "Y2FuYXJ5" });
        self.post("transit/encrypt/relay-atrest", Some(&token), &word)
            .await?;
        Ok(())
    }

    async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: &serde_json::Value,
    ) -> reqwest::Result<reqwest::Response> {
        let request = self.http.post(format!("{}/v1/{path}", self.address)).json(body);
        let request = match token {
            Some(token) => request.header("X-Vault-Token", token),
            None => request,
        };
        request.send().await?.error_for_status()
    }
}
