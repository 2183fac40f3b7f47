//! OpenBao.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use reqwest::{Method, StatusCode};
use sealpost_relay::{
    embedded::{OpenBao, OpenBaoOptions, Tools},
    entropy::SystemEntropy,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use toml::{Table, toml};

use crate::{folders, process, process_wide};

/// A test's operator may do anything: make mounts, seal, take policies away.
const ANYTHING: &str =
    r#"path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }"#;

/// A Transit mount of a test's own with the key `relay-atrest`, and a role that may use nothing else.
#[derive(Debug)]
pub struct Transit {
    address: String,
    mount: String,
    secret_id: TempDir,
}

impl Transit {
    /// A fresh one, in the OpenBao that all tests of this process share.
    pub async fn create() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let shared = tokio::task::spawn_blocking(Shared::get).await.unwrap();
        let mount = format!(
            "transit-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let operator = Operator::log_in(&shared.address, &shared.password_file).await;
        operator.make_mount(&mount).await;

        let secret_id = tempfile::tempdir().unwrap();
        let text = operator
            .order(&format!("auth/approle/role/{mount}/secret-id"), json!({}))
            .await;
        fs::write(
            secret_id.path().join("secret-id"),
            text["data"]["secret_id"].as_str().unwrap(),
        )
        .unwrap();
        Self {
            address: shared.address.clone(),
            mount,
            secret_id,
        }
    }

    /// The relay's section `[kms]`.
    #[must_use]
    pub fn section(&self) -> Table {
        let (address, mount) = (self.address.as_str(), self.mount.as_str());
        let secret_id_file = path(self.secret_id.path().join("secret-id"));
        toml! {
            kind = "openbao"
            [openbao]
            address = address
            mount = mount
            role_id = mount
            secret_id_file = secret_id_file
        }
    }
}

/// An OpenBao of a test's own, which it may seal, stop and kill.
#[derive(Debug)]
pub struct OwnOpenBao {
    folder: TempDir,
    openbao: OpenBao,
}

impl OwnOpenBao {
    /// A new one. It is started twice: the process that finds nothing to unseal at its start, and initialises itself, tries again
    /// some seconds later, and would undo a seal.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        start(folder.path().to_owned()).await.stop().await.unwrap();
        let openbao = start(folder.path().to_owned()).await;
        Self { folder, openbao }
    }

    /// Another one that knows nothing yet, with the secrets that an operator keeps of this one: what a restore needs.
    pub async fn start_with_secrets_of(other: &Self) -> Self {
        let secrets = [
            "seal.key",
            "relay-secret-id",
            "backup-secret-id",
            "operator-password",
        ];
        Self::start_with(other, &secrets).await
    }

    /// Another one on another host, with what an operator keeps elsewhere.
    pub async fn start_on_another_host(other: &Self) -> Self {
        Self::start_with(other, &["seal.key", "operator-password"]).await
    }

    async fn start_with(other: &Self, secrets: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for secret in secrets {
            fs::copy(other.folder().join(secret), folder.path().join(secret)).unwrap();
        }
        let openbao = start(folder.path().to_owned()).await;
        Self { folder, openbao }
    }

    /// A file with a token that may do anything, for an hour or so.
    pub async fn token_file(&self) -> PathBuf {
        let path = self.folder().join("operator-token");
        fs::write(&path, &self.operator().await.token).unwrap();
        path
    }

    /// The relay's section `[kms]`. It stays the same through [`Self::kill_9_and_restart`].
    #[must_use]
    pub fn section(&self) -> Table {
        let (address, role_id) = (self.openbao.address(), self.openbao.role_id());
        let secret_id_file = path(self.openbao.secret_id_file());
        toml! {
            kind = "openbao"
            [openbao]
            address = address
            role_id = role_id
            secret_id_file = secret_id_file
        }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.openbao.id().expect("it runs")
    }

    /// Where its files and its logs are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Somebody who may do anything.
    pub async fn operator(&self) -> Operator {
        Operator::log_in(&self.openbao.address(), &self.openbao.operator_password_file()).await
    }

    /// Seals it, and waits until it is. It stays so until it is started again.
    pub async fn seal(&self) {
        let operator = self.operator().await;
        operator.order("sys/seal", json!({})).await;
        while operator.ask(Method::GET, "sys/seal-status", json!({})).await.1["sealed"] != true {}
    }

    /// Kills it, and starts it again on the same port: it unseals itself.
    pub async fn kill_9_and_restart(mut self) -> Self {
        process::kill_9(self.id());
        self.openbao.ended().await.unwrap();
        drop(self.openbao);
        let openbao = start(self.folder.path().to_owned()).await;
        Self {
            folder: self.folder,
            openbao,
        }
    }
}

/// Somebody with a token.
#[derive(Debug)]
pub struct Operator {
    http: reqwest::Client,
    address: String,
    token: String,
}

impl Operator {
    async fn log_in(address: &str, password_file: &PathBuf) -> Self {
        let password = fs::read_to_string(password_file).unwrap();
        let mut operator = Self {
            http: crate::relay::http(),
            address: address.to_owned(),
            token: String::new(),
        };
        let answer = operator
            .order("auth/userpass/login/operator", json!({ "password": password }))
            .await;
        operator.token = answer["auth"]["client_token"].as_str().unwrap().to_owned();
        operator
    }

    async fn make_mount(&self, mount: &str) {
        self.order(&format!("sys/mounts/{mount}"), json!({ "type": "transit" }))
            .await;
        self.order(
            &format!("{mount}/keys/relay-atrest"),
            json!({ "type": "aes256-gcm96" }),
        )
        .await;
        let policy = format!(
            r#"path "{mount}/encrypt/relay-atrest" {{ capabilities = ["update"] }}
               path "{mount}/decrypt/relay-atrest" {{ capabilities = ["update"] }}
               path "auth/token/renew-self" {{ capabilities = ["update"] }}
               path "auth/token/lookup-self" {{ capabilities = ["read"] }}"#
        );
        self.order(&format!("sys/policies/acl/{mount}"), json!({ "policy": policy }))
            .await;
        let role = json!({
            "role_id": mount,
            "token_policies": [mount],
            "token_no_default_policy": true,
            "token_period": "1h",
        });
        self.order(&format!("auth/approle/role/{mount}"), role).await;
    }

    /// Posts, and expects that to be done.
    pub async fn order(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, body).await;
        assert!(status.is_success(), "{path}: {status}: {answer}");
        answer
    }

    /// Asks, and takes any answer.
    pub async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.http.request(method, format!("{}/v1/{path}", self.address));
        let answer = request
            .header("X-Vault-Token", &self.token)
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }
}

/// The OpenBao that all tests of this process share.
struct Shared {
    address: String,
    password_file: PathBuf,
}

impl Shared {
    fn get() -> &'static Self {
        static SHARED: OnceLock<Shared> = OnceLock::new();
        SHARED.get_or_init(|| {
            process_wide::start(async || {
                let openbao = start(folders::shared("openbao")).await;
                let shared = Self {
                    address: openbao.address(),
                    password_file: openbao.operator_password_file(),
                };
                (openbao, shared)
            })
        })
    }
}

async fn start(folder: PathBuf) -> OpenBao {
    let options = OpenBaoOptions {
        operator_policy: ANYTHING.to_owned(),
    };
    OpenBao::start(&Tools::locate(), &folder, &options, &SystemEntropy)
        .await
        .unwrap()
}

fn path(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap()
}
