//! What stands in the log after a day of use, failures included.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    http::{Method, Request},
};
use tracing_subscriber::fmt::MakeWriter;

use super::client::Api;
use crate::testing::Person;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_handle_token_path_or_secret_reaches_the_log_even_when_things_break() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(captured.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let api = Api::new().await;
    let alice = Person::new("alice-the-canary", 1);
    let session = api.register(&alice).await.session_token;
    let path = "/v1/canary-path?token=canary-query";
    api.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let damage = "UPDATE accounts SET handle_sealed = '\\x00'";
    api.test.database.execute(damage).await;
    api.call(Method::GET, "/v1/account", Some(&session), None::<&()>)
        .await;
    let broken = "ALTER TABLE accounts RENAME COLUMN state TO canary_column";
    api.test.database.execute(broken).await;
    api.call(Method::GET, "/v1/account", Some(&session), None::<&()>)
        .await;
    api.test.store.close().await;
    api.call(Method::GET, "/v1/account", Some(&session), None::<&()>)
        .await;

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("a request failed inside") && log.contains("for want of the database"),
        "{log}"
    );
    let token = session.expose_text();
    let canaries = [
        "alice-the-canary",
        alice.passphrase,
        "canary-path",
        "canary-query",
        "192.0.2.1",
        &token,
    ];
    for canary in canaries {
        assert!(!log.contains(canary), "{canary}: {log}");
    }
}
