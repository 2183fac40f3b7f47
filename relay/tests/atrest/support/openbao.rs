//! A real OpenBao of its own for a test.

use std::{fs, path::PathBuf, time::Duration};

use reqwest::{Method, StatusCode};
use sealpost_relay::{
    atrest::transit::{SecretSource, Transit, TransitCredential, TransitSettings},
    embedded::{OpenBao, OpenBaoOptions, Tools},
    entropy::SystemEntropy,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::entropy;

/// The operator of a test may do anything.
const ANYTHING: &str =
    r#"path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }"#;

/// A server, its folder, and how to reach it.
pub struct Server {
    openbao: OpenBao,
    folder: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    /// One that stays sealed when it is. It is started twice: the process that finds nothing to unseal at its start, and
    /// initialises itself, tries again some seconds later, and would undo a seal.
    pub async fn start_to_be_sealed() -> Self {
        Self::start().await.stop().await.start().await
    }

    async fn start_in(folder: TempDir) -> Self {
        let options = OpenBaoOptions {
            operator_policy: ANYTHING.to_owned(),
        };
        let openbao = OpenBao::start(&Tools::locate(), folder.path(), &options, &SystemEntropy)
            .await
            .unwrap();
        Self { openbao, folder }
    }

    /// Stops the server; what is left can be started again.
    pub async fn stop(self) -> Stopped {
        self.openbao.stop().await.unwrap();
        Stopped { folder: self.folder }
    }

    pub fn settings(&self) -> TransitSettings {
        settings(&self.openbao.address(), self.credential())
    }

    pub fn credential(&self) -> TransitCredential {
        TransitCredential::AppRole {
            mount: "approle".to_owned(),
            role_id: self.openbao.role_id().to_owned(),
            secret_id: SecretSource::File(self.openbao.secret_id_file()),
        }
    }

    pub fn transit(&self) -> Transit {
        Transit::new(self.settings(), entropy()).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody who shows a token of the relay's role.
    pub async fn relay(&self) -> Caller {
        let secret_id = fs::read_to_string(self.openbao.secret_id_file()).unwrap();
        let credential = json!({ "role_id": self.openbao.role_id(), "secret_id": secret_id.trim() });
        Caller::log_in(&self.openbao, "auth/approle/login", credential).await
    }

    pub async fn operator(&self) -> Caller {
        let password = fs::read_to_string(self.openbao.operator_password_file()).unwrap();
        let credential = json!({ "password": password });
        Caller::log_in(&self.openbao, "auth/userpass/login/operator", credential).await
    }

    /// Seals the server by hand, and waits until it is: it answers the order first and obeys it then.
    pub async fn seal(&self) {
        let operator = self.operator().await;
        operator.order("sys/seal", json!({})).await;
        while operator.ask(Method::GET, "sys/seal-status", json!({})).await.1["sealed"] != true {}
    }

    /// How often the relay asked for `path`, by the server's own audit log.
    pub fn requests_for(&self, path: &str) -> usize {
        let log = fs::read_to_string(self.path("audit.log")).unwrap();
        let entries = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries
            .filter(|entry| entry["type"] == "response" && entry["request"]["path"] == path)
            .count()
    }
}

/// A server that was stopped.
pub struct Stopped {
    folder: TempDir,
}

impl Stopped {
    pub async fn start(self) -> Server {
        Server::start_in(self.folder).await
    }
}

pub fn settings(address: &str, credential: TransitCredential) -> TransitSettings {
    TransitSettings {
        address: Url::parse(address).unwrap(),
        ca_file: None,
        mount: "transit".to_owned(),
        key_name: "relay-atrest".to_owned(),
        credential,
        request_timeout: Duration::from_secs(10),
    }
}

/// Somebody with a token.
pub struct Caller {
    http: reqwest::Client,
    address: String,
    pub token: String,
}

impl Caller {
    async fn log_in(openbao: &OpenBao, path: &str, credential: Value) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut caller = Self {
            http,
            address: openbao.address(),
            token: String::new(),
        };
        let (status, answer) = caller.ask(Method::POST, path, credential).await;
        assert_eq!(status, StatusCode::OK);
        caller.token = answer["auth"]["client_token"].as_str().unwrap().to_owned();
        caller
    }

    pub async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.http.request(method, format!("{}/v1/{path}", self.address));
        let answer = request
            .header("X-Vault-Token", &self.token)
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// As [`Self::ask`], for what must work.
    pub async fn order(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }
}
