//! The OpenAPI document and the running relay, tried against each other by Schemathesis: by somebody who is logged in, and by
//! a stranger.

use std::env;
use std::path::{Path, PathBuf};

use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};
use serde_json::Value;
use tokio::process::Command;

use crate::scene::{Scene, open_to_all};

/// Cases for each operation; `scripts/prove openapi` asks for more.
const EXAMPLES: &str = "6";

/// Operations that would end the session that all others are tried with.
const ENDS_THE_SESSION: [&str; 2] = ["delete_account", "delete_sessions_current"];

fn without_rates(options: RelayOptions) -> RelayOptions {
    let rates = [
        "REQUESTS_PER_ADDRESS",
        "REGISTRATIONS_PER_ADDRESS",
        "LOGINS_PER_ADDRESS",
        "LOGINS_PER_CREDENTIAL_AND_ADDRESS",
        "LOGINS_PER_CREDENTIAL",
        "CHANGES_PER_ACCOUNT",
    ];
    rates.iter().fold(open_to_all(options), |options, rate| {
        let key = |name: &str| format!("SEALPOST__LIMITS__{rate}__{name}");
        options
            .with(&key("TIMES"), "1000000")
            .with(&key("PERIOD_SECONDS"), "1")
    })
}

/// Where scripts/setup puts tools.
fn tool(name: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools");
    let folder = env::var_os("SEALPOST_TOOLS")
        .map_or_else(beside, PathBuf::from)
        .join(name);
    assert!(
        folder.exists(),
        "{} is missing: run scripts/setup",
        folder.display()
    );
    folder
}

async fn try_all(url: &str, arguments: &[String]) {
    let here = tempfile::tempdir().unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let examples = env::var("SEALPOST_OPENAPI_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let tried = Command::new("python3")
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(ours.join("schemathesis.toml"))
        .args([
            "run",
            &format!("{url}/v1/openapi.json"),
            "--checks",
            "all",
            "--continue-on-failure",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            &examples,
            "--no-color",
        ])
        .args(arguments)
        .env("PYTHONPATH", tool("schemathesis").join("site"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", ours.join("hooks.py"))
        .current_dir(here.path())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let out = String::from_utf8_lossy(&tried.stdout);
    assert!(
        tried.status.success(),
        "{out}{}",
        String::from_utf8_lossy(&tried.stderr)
    );
    assert!(out.contains("✅ Fuzzing"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_answers_whoever_is_logged_in_as_its_openapi_document_says() {
    let relay = Relay::start(without_rates(RelayOptions::on(&Database::create().await))).await;
    let scene = Scene::set(relay.addresses().url(), relay.addresses().public).await;
    let (bob, home) = scene.bobs_client().await;
    bob.kill_9().await;
    let device = std::fs::read(Path::new(home.path()).join("device.json")).unwrap();
    let device: Value = serde_json::from_slice(&device).unwrap();
    let token = device["token"].as_str().unwrap();
    let mut arguments = vec!["--header".to_owned(), format!("Authorization: Bearer {token}")];
    for operation in ENDS_THE_SESSION {
        arguments.extend(["--exclude-operation-id".to_owned(), operation.to_owned()]);
    }
    try_all(&scene.url, &arguments).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_answers_strangers_as_its_openapi_document_says() {
    let relay = Relay::start(without_rates(RelayOptions::on(&Database::create().await))).await;
    try_all(&relay.addresses().url(), &[]).await;
    relay.stop().await;
}
