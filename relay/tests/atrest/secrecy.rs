//! No log line and no error shows a key, a token or a secret id, however much is logged.

use std::{
    fs, io,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sealpost_relay::atrest::{
    DataKey, KeyToUnwrap, KeyToWrap, KeyWrapper,
    transit::{Transit, TransitCredential, TransitSettings},
};
use tracing::{Level, subscriber::DefaultGuard};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{entropy, openbao::Server};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Until the guard is dropped, this thread logs here, and everything there is.
    fn capture(&self) -> DefaultGuard {
        let log = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_writer(self.clone());
        tracing::subscriber::set_default(log.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Success and every kind of failure that the server has an answer for. Returns all the errors.
async fn provoke_everything(server: &Server, transit: &Transit, key: &DataKey) -> Vec<String> {
    let items = [KeyToWrap {
        associated_data: b"place".to_vec(),
        key,
    }];
    let wrapped = transit.wrap_batch(&items).await.unwrap().remove(0);
    let questions = ["place", "elsewhere"].map(|place| KeyToUnwrap {
        associated_data: place.into(),
        wrapped: &wrapped,
    });
    let mut errors = Vec::new();
    for questions in [&questions[..], &questions[1..]] {
        let answers = transit.unwrap_batch(questions).await.unwrap();
        errors.extend(answers.into_iter().filter_map(Result::err));
    }
    let wrong_key = TransitSettings {
        key_name: "other".to_owned(),
        ..server.settings()
    };
    errors.extend(
        Transit::new(wrong_key, entropy())
            .unwrap()
            .wrap_batch(&items)
            .await
            .err(),
    );
    server.seal().await;
    errors.extend(transit.wrap_batch(&items).await.err());
    errors.iter().map(|error| format!("{error} {error:?}")).collect()
}

#[tokio::test]
async fn no_log_and_no_error_shows_a_key_a_token_or_a_secret_id() {
    let server = Server::start_to_be_sealed().await;
    let token = server.relay().await.token;
    fs::write(server.path("token"), &token).unwrap();
    let by_token = TransitCredential::TokenFile(server.path("token"));
    let key = DataKey::generate(&*entropy());
    let log = Log::default();
    let guard = log.capture();
    server.transit().canary().await.unwrap();
    let settings = TransitSettings {
        credential: by_token,
        ..server.settings()
    };
    let errors = provoke_everything(&server, &Transit::new(settings, entropy()).unwrap(), &key).await;
    drop(guard);

    assert_eq!(errors.len(), 4, "{errors:?}");
    let shown = log.text() + &errors.concat();
    assert!(
        shown.contains("transit/encrypt/relay-atrest"),
        "the libraries log here"
    );
    let secret_id = fs::read_to_string(server.path("relay-secret-id")).unwrap();
    for secret in [
        hex::encode(key.expose_bytes()),
        STANDARD.encode(key.expose_bytes()),
        format!("{:?}", key.expose_bytes()),
        token,
        secret_id.trim().to_owned(),
    ] {
        let position = shown.find(&secret[..16]);
        assert!(
            position.is_none(),
            "{}",
            &shown[position.unwrap().saturating_sub(200)..]
        );
    }
    server.stop().await;
}
