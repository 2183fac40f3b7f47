//! The other client alone, and how it logs in.

use std::process::Command;

use sealpost_tests::{
    database::Database,
    proxy::{FaultProxy, Upstream},
    relay::{Relay, RelayOptions},
};
use serde_json::json;

use crate::scene::{PASSPHRASE, Scene, open_to_all};
use sealpost_tests::interop::{Client, Home, folder};

async fn relay() -> Relay {
    Relay::start(open_to_all(RelayOptions::on(&Database::create().await))).await
}

async fn scene(relay: &Relay) -> Scene {
    Scene::set(relay.addresses().url(), relay.addresses().public).await
}

#[test]
fn independent_client_agrees_with_every_vector() {
    let tests = Command::new("node")
        .arg("--test")
        .current_dir(folder())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&tests.stdout);
    assert!(tests.status.success(), "{out}");
    assert!(!out.contains("# tests 0"), "{out}");
}

#[tokio::test]
async fn independent_client_logs_in_by_passphrase_and_by_recovery_code() {
    let relay = relay().await;
    let scene = scene(&relay).await;
    let expected = scene.bob.account().principal_id.to_string();
    let mut client = Client::start();
    let passphrase = json!({"do": "login", "url": scene.url, "home": Home::new().path(), "handle": "bob", "passphrase": PASSPHRASE});
    assert_eq!(client.ask(passphrase).await["principal_id"], expected.as_str());
    let home = Home::new();
    let code = scene.bobs_code.expose_text();
    let recovery = json!({"do": "recover", "url": scene.url, "home": home.path(), "code": code.as_str()});
    let recovered = Client::start().ask(recovery).await;
    assert_eq!(recovered["principal_id"], expected.as_str());
    assert_eq!(recovered["fingerprint"], scene.bob.fingerprint().to_string());
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_cannot_tell_a_wrong_passphrase_from_an_unknown_handle() {
    let relay = relay().await;
    let scene = scene(&relay).await;
    let mut client = Client::start();
    for handle in ["bob", "nobody"] {
        let wrong = json!({"do": "login", "url": scene.url, "home": Home::new().path(), "handle": handle, "passphrase": "wrong"});
        assert_eq!(client.ask_in_vain(wrong).await, "login_failed");
    }
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_signs_for_no_other_origin_than_it_was_configured_with() {
    let proxy = FaultProxy::start().await;
    let relay = relay().await;
    proxy.lead_to(Upstream::Tcp(relay.addresses().public));
    let elsewhere = format!("http://{}", proxy.address());
    let login = json!({"do": "login", "url": elsewhere, "home": Home::new().path(), "handle": "bob", "passphrase": PASSPHRASE});
    assert_eq!(Client::start().ask_in_vain(login).await, "pin_mismatch");
    relay.stop().await;
}

#[tokio::test]
async fn independent_client_does_not_go_on_with_another_relay_in_the_place_of_its_own() {
    let proxy = FaultProxy::start().await;
    let url = format!("http://{}", proxy.address());
    let home = Home::new();
    let login =
        json!({"do": "login", "url": url, "home": home.path(), "handle": "bob", "passphrase": PASSPHRASE});
    let mut ends = Vec::new();
    for _ in 0..2 {
        let options = RelayOptions::on(&Database::create().await).behind(proxy.address());
        let relay = Relay::start(open_to_all(options)).await;
        proxy.lead_to(Upstream::Tcp(relay.addresses().public));
        let _scene = Scene::set(url.clone(), relay.addresses().public).await;
        let mut client = Client::start();
        client.tell(login.clone()).await;
        ends.push(client.answer().await.map(|_| ()));
        relay.stop().await;
    }
    assert_eq!(ends, [Ok(()), Err("pin_mismatch".to_owned())]);
}
