//! The private OpenBao.

use std::{fs, os::unix::fs::PermissionsExt};

use sealpost_relay::embedded::{EmbeddedError, OpenBao};
use serde_json::{Value, json};

use crate::support::{closed_folder, process_group, processes_in, start_openbao};

#[tokio::test]
async fn restart_keeps_the_key_and_the_port_and_stop_leaves_no_process() {
    let folder = closed_folder();
    let openbao = start_openbao(folder.path()).await.unwrap();
    let address = openbao.address();
    let sealed = Relay::log_in(&openbao).await.encrypt("d29yZA==").await;
    openbao.stop().await.unwrap();
    assert!(processes_in(folder.path()).is_empty());

    let openbao = start_openbao(folder.path()).await.unwrap();
    assert_eq!(openbao.address(), address);
    assert_eq!(Relay::log_in(&openbao).await.decrypt(&sealed).await, "d29yZA==");
    openbao.stop().await.unwrap();
}

#[tokio::test]
async fn the_relays_credential_can_do_nothing_else() {
    let folder = closed_folder();
    let openbao = start_openbao(folder.path()).await.unwrap();
    let relay = Relay::log_in(&openbao).await;
    for (method, path) in [
        ("GET", "transit/keys/relay-atrest"),
        ("POST", "transit/keys/relay-atrest/rotate"),
        ("POST", "transit/keys/relay-atrest/config"),
        ("POST", "transit/rewrap/relay-atrest"),
        ("POST", "transit/encrypt/another-key"),
        ("GET", "transit/export/encryption-key/relay-atrest"),
        ("DELETE", "transit/keys/relay-atrest"),
        ("GET", "sys/storage/raft/snapshot"),
        ("POST", "auth/token/create"),
        ("GET", "sys/policies/acl/relay-atrest"),
    ] {
        assert_eq!(relay.status(method, path).await, 403, "{method} {path}");
    }
    openbao.stop().await.unwrap();
}

#[tokio::test]
async fn the_operator_can_log_in_and_rotate_but_not_export() {
    let folder = closed_folder();
    let openbao = start_openbao(folder.path()).await.unwrap();
    let password = fs::read_to_string(openbao.operator_password_file()).unwrap();
    let operator = Relay::with_login(
        &openbao,
        "auth/userpass/login/operator",
        json!({ "password": password }),
    )
    .await;
    assert_eq!(
        operator.status("POST", "transit/keys/relay-atrest/rotate").await,
        200
    );
    assert_eq!(
        operator
            .status("GET", "transit/export/encryption-key/relay-atrest")
            .await,
        403
    );
    let exportable = operator
        .send(
            "POST",
            "transit/keys/relay-atrest/config",
            json!({ "exportable": true }),
        )
        .await;
    assert_eq!(exportable.status(), 403);
    openbao.stop().await.unwrap();
}

#[tokio::test]
async fn a_first_start_cut_short_is_done_again() {
    let folder = closed_folder();
    fs::create_dir_all(folder.path().join("data/raft")).unwrap();
    fs::write(folder.path().join("data/vault.db"), "half of a database").unwrap();
    start_openbao(folder.path()).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_two_folders_run_side_by_side() {
    let (one, two) = (closed_folder(), closed_folder());
    let first = start_openbao(one.path()).await.unwrap();
    assert!(matches!(
        start_openbao(one.path()).await,
        Err(EmbeddedError::InUse { .. })
    ));
    let second = start_openbao(two.path()).await.unwrap();
    assert_ne!(first.address(), second.address());
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn another_server_on_our_port_makes_us_take_another() {
    let folder = closed_folder().keep().join("with space, comma and 'quote'");
    start_openbao(&folder).await.unwrap().stop().await.unwrap();
    let port: u16 = fs::read_to_string(folder.join("port")).unwrap().parse().unwrap();
    let squatter = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let openbao = start_openbao(&folder).await.unwrap();
    assert_ne!(
        openbao.address(),
        format!("http://{}", squatter.local_addr().unwrap())
    );
    openbao.stop().await.unwrap();
    fs::remove_dir_all(folder.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn secrets_are_private_and_ctrl_c_does_not_reach_openbao() {
    let folder = closed_folder();
    let openbao = start_openbao(folder.path()).await.unwrap();
    for name in [
        "seal.key",
        "relay-secret-id",
        "operator-password",
        "audit.log",
        "server.log",
    ] {
        let mode = fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_ne!(
        process_group(openbao.id().unwrap()),
        process_group(std::process::id())
    );
    openbao.stop().await.unwrap();
}

/// Who is logged in at an OpenBao.
struct Relay {
    http: reqwest::Client,
    address: String,
    token: String,
}

impl Relay {
    async fn log_in(openbao: &OpenBao) -> Self {
        let secret_id = fs::read_to_string(openbao.secret_id_file()).unwrap();
        let credential = json!({ "role_id": openbao.role_id(), "secret_id": secret_id });
        Self::with_login(openbao, "auth/approle/login", credential).await
    }

    async fn with_login(openbao: &OpenBao, path: &str, credential: Value) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let nobody = Self {
            http,
            address: openbao.address(),
            token: String::new(),
        };
        let answer = nobody.post(path, credential).await;
        Self {
            token: answer["auth"]["client_token"].as_str().unwrap().to_owned(),
            ..nobody
        }
    }

    async fn encrypt(&self, plaintext: &str) -> String {
        let answer = self
            .post("transit/encrypt/relay-atrest", json!({ "plaintext": plaintext }))
            .await;
        answer["data"]["ciphertext"].as_str().unwrap().to_owned()
    }

    async fn decrypt(&self, ciphertext: &str) -> String {
        let answer = self
            .post(
                "transit/decrypt/relay-atrest",
                json!({ "ciphertext": ciphertext }),
            )
            .await;
        answer["data"]["plaintext"].as_str().unwrap().to_owned()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.send("POST", path, body)
            .await
            .error_for_status()
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    async fn status(&self, method: &str, path: &str) -> u16 {
        self.send(method, path, json!({ "plaintext": "" }))
            .await
            .status()
            .as_u16()
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> reqwest::Response {
        let url = format!("{}/v1/{path}", self.address);
        let request = self
            .http
            .request(method.parse().unwrap(), url)
            .header("X-Vault-Token", &self.token);
        request.json(&body).send().await.unwrap()
    }
}
