//! TLS to the database: migrations and pool read one URL alike, and trust the same servers.

use reqwest::StatusCode;
use sealpost_tests::{
    database::OwnPostgres,
    proxy::{FaultProxy, Upstream},
    relay::{Relay, RelayOptions},
    tls_front::{Certificate, TlsFront},
};
use sqlx::{Connection, PgConnection};

fn trusting(certificate: &Certificate) -> String {
    format!("sslrootcert={}", certificate.authority().display())
}

/// Whether the migrations and the pool's driver accept what is at this address under these settings.
async fn accept(host: &str, port: u16, settings: &str) -> (bool, bool) {
    let url = format!("postgres://sealpost@{host}:{port}/sealpost?{settings}");
    let migrated = sealpost_migrations::run(&url).await.is_ok();
    (migrated, PgConnection::connect(&url).await.is_ok())
}

#[tokio::test]
async fn migrations_trust_exactly_the_servers_that_the_pool_trusts() {
    let postgres = OwnPostgres::start().await;
    let (certificate, stranger) = (Certificate::of("localhost"), Certificate::of("localhost"));
    let front = TlsFront::start(postgres.socket(), &certificate).await;
    let (known, unknown) = (trusting(&certificate), trusting(&stranger));
    for (host, settings, expected) in [
        ("localhost", format!("sslmode=verify-full&{known}"), true),
        ("localhost", format!("sslmode=verify-full&{unknown}"), false),
        ("localhost", "sslmode=verify-full".to_owned(), false),
        ("127.0.0.1", format!("sslmode=verify-full&{known}"), false),
        ("127.0.0.1", format!("sslmode=verify-ca&{known}"), true),
        ("127.0.0.1", format!("sslmode=verify-ca&{unknown}"), false),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        ("127.0.0.1", String::new(), true),
        ("127.0.0.1", "sslmode=disable".to_owned(), false),
        (
            "127.0.0.1",
            "sslmode=verify-full&sslrootcert=/nowhere".to_owned(),
            false,
        ),
    ] {
        let accepted = accept(host, front.address().port(), &settings).await;
        assert_eq!(accepted, (expected, expected), "{host} {settings}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_accepted_only_where_the_url_says_so() {
    let postgres = OwnPostgres::start().await;
    let plain = FaultProxy::start().await;
    plain.lead_to(Upstream::Unix(postgres.socket()));
    for (settings, expected) in [
        ("", true),
        ("sslmode=disable", true),
        ("sslmode=prefer", true),
        ("sslmode=require", false),
        ("sslmode=verify-full", false),
    ] {
        let accepted = accept("127.0.0.1", plain.address().port(), settings).await;
        assert_eq!(accepted, (expected, expected), "{settings}");
    }
}

#[tokio::test]
async fn a_relay_migrates_and_serves_over_tls_alone() {
    let postgres = OwnPostgres::start().await;
    let certificate = Certificate::of("localhost");
    let front = TlsFront::start(postgres.socket(), &certificate).await;
    let (port, known) = (front.address().port(), trusting(&certificate));
    let url = format!("postgres://sealpost@localhost:{port}/sealpost?sslmode=verify-full&{known}");
    let relay = Relay::start(RelayOptions::at(&url)).await;
    let (status, report) = relay.addresses().ask_ops("/ready").await;
    assert_eq!(status, StatusCode::OK, "{report}");
    relay.stop().await;
}
