//! The harness itself.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

use std::time::Duration;

use reqwest::StatusCode;
use sealpost_tests::{
    canary::{Canary, search},
    database::{Database, OwnPostgres},
    openbao::{OwnOpenBao, Transit},
    proxy::{FaultProxy, Upstream, Weather},
    relay::{ChildRelay, Relay, RelayOptions},
};
use sqlx::{Connection, PgConnection, Row};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

#[tokio::test]
async fn a_relay_in_this_process_serves_and_drains() {
    let relay = Relay::start(RelayOptions::on(&Database::create().await)).await;
    let (status, report) = relay.addresses().ask_ops("/ready").await;
    assert_eq!(status, StatusCode::OK, "{report}");
    relay.stop().await;
}

#[tokio::test]
async fn a_child_relay_survives_kill_9_and_ends_on_sigterm() {
    let relay = ChildRelay::start(RelayOptions::on(&Database::create().await)).await;
    let before = relay.addresses();
    let relay = relay.kill_9_and_restart().await;
    assert_eq!(relay.addresses().public, before.public);
    let (status, report) = relay.addresses().ask_ops("/ready").await;
    assert_eq!(status, StatusCode::OK, "{report}");
    relay.terminate();
    let (status, log) = relay.ended().await;
    assert!(status.success(), "{}", String::from_utf8_lossy(&log));
}

#[tokio::test]
async fn a_relay_on_openbao_is_ready_and_recovers_with_it() {
    let relay =
        Relay::start(RelayOptions::on(&Database::create().await).with_openbao(&Transit::create().await))
            .await;
    assert_eq!(relay.addresses().ask_ops("/ready").await.0, StatusCode::OK);
    relay.stop().await;

    let openbao = OwnOpenBao::start().await;
    openbao.seal().await;
    let options = RelayOptions::on(&Database::create().await).with_kms(openbao.section());
    let relay = Relay::start(options).await;
    let (status, report) = relay.addresses().ask_ops("/ready").await;
    assert!(
        status == StatusCode::SERVICE_UNAVAILABLE && report.contains(r#""kms":{"status":"failed""#),
        "{report}"
    );
    let _openbao = openbao.kill_9_and_restart().await;
    relay.parts().keys.check().await;
    assert_eq!(relay.parts().keys.health().last_error, None);
    relay.stop().await;
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own() {
    let (one, two) = (Database::create().await, Database::create().await);
    sqlx::raw_sql("CREATE TABLE only_here (secret bytea); INSERT INTO only_here VALUES ('a rare sentence')")
        .execute(&mut one.connect().await)
        .await
        .unwrap();
    let canaries = [Canary::new("sentence", b"a rare sentence")];
    assert_eq!(search(&one.dump(), &canaries)[0].dress, "hex");
    assert_eq!(search(&two.dump(), &canaries), []);
}

#[tokio::test]
async fn what_was_committed_survives_kill_9_of_postgres_behind_a_proxy() {
    let postgres = OwnPostgres::start().await;
    let proxy = FaultProxy::start().await;
    proxy.lead_to(Upstream::Unix(postgres.socket()));
    let url = format!("postgres://sealpost@{}/sealpost", proxy.address());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept AS SELECT 7 AS number")
        .execute(&mut connection)
        .await
        .unwrap();
    let postgres = postgres.kill_9_and_restart().await;
    assert!(sqlx::query("SELECT 1").execute(&mut connection).await.is_err());
    proxy.lead_to(Upstream::Unix(postgres.socket()));
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let number: i32 = sqlx::query("SELECT number FROM kept")
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0);
    assert_eq!(number, 7);
}

/// A server that answers every byte with itself, behind a proxy, and a client.
async fn echo_behind_proxy() -> (FaultProxy, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start().await;
    proxy.lead_to(Upstream::Tcp(listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                let _ = tokio::io::copy(&mut reads, &mut writes).await;
            });
        }
    });
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    (proxy, client)
}

#[tokio::test]
async fn a_cut_connection_ends_at_both_sides() {
    let (proxy, mut client) = echo_behind_proxy().await;
    client.write_all(b"a").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'a');
    assert_eq!(proxy.cut(), 1);
    assert!(matches!(client.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn silence_holds_bytes_back_and_then_lets_them_pass() {
    let (proxy, mut client) = echo_behind_proxy().await;
    proxy.set_weather(Weather::Silent);
    client.write_all(b"a").await.unwrap();
    assert!(
        timeout(Duration::from_millis(100), client.read_u8())
            .await
            .is_err()
    );
    proxy.set_weather(Weather::Slow(Duration::from_millis(1)));
    assert_eq!(client.read_u8().await.unwrap(), b'a');
    proxy.set_weather(Weather::Refusing);
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(matches!(refused.read(&mut [0]).await, Ok(0) | Err(_)));
}
