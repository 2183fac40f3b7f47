//! Leaks on purpose, one into each kind of place, so that the leak proof can show that it would see one.
//!
//! Behind the feature `planted-leaks`, which no default and no release build has. The text and what to do with it come from
//! the environment: [`LEAK`] is leaked everywhere, [`PANIC`] is what a task panics with.

use std::{env, panic, sync::OnceLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use prometheus_client::metrics::{family::Family, gauge::Gauge};

use crate::{app::Parts, config::Config, metrics::Metrics};

#[cfg(not(debug_assertions))]
compile_error!("planted leaks are for tests: a release build must not have them");

/// Names the variable with the text that is leaked.
pub const LEAK: &str = "SEALPOST_PLANTED_LEAK";
/// Names the variable with the text of a panic.
pub const PANIC: &str = "SEALPOST_PLANTED_PANIC";

/// Does what the environment asks for; the relay serves only after that.
pub async fn leak(config: &Config, parts: &Parts, metrics: &Metrics) {
    if let Ok(text) = env::var(LEAK) {
        into_memory(&text);
        into_log(&text);
        into_metrics(&text, metrics);
        into_key_service(&text, config).await;
        let reversed: String = text.chars().rev().collect();
        parts
            .store
            .plant(&text, reversed.as_bytes())
            .await
            .expect("the database takes what is planted");
        // The hook of the standard library prints what a panic says.
        drop(panic::take_hook());
    }
    if let Ok(text) = env::var(PANIC) {
        let panicking = tokio::spawn(async move { panic!("{text}") });
        assert!(panicking.await.is_err(), "the task panics");
    }
}

fn into_memory(text: &str) {
    static KEPT: OnceLock<Vec<u8>> = OnceLock::new();
    let mirrored = hex::encode(text).bytes().rev().collect();
    KEPT.set(mirrored).expect("nothing was planted before");
}

fn into_log(text: &str) {
    tracing::info!(error = STANDARD.encode(text), "planted");
}

fn into_metrics(text: &str, metrics: &Metrics) {
    let family = Family::<Vec<(&'static str, String)>, Gauge>::default();
    family.get_or_create(&vec![("text", hex::encode(text))]).set(1);
    metrics.show(|registry| registry.register("planted", "A leak", family));
}

/// In the path of a request, which an audit log keeps.
async fn into_key_service(text: &str, config: &Config) {
    let Some(openbao) = &config.kms.openbao else {
        return;
    };
    let client = reqwest::Client::builder().no_proxy().build();
    let url = openbao.address.0.join(&format!("v1/transit/keys/{text}"));
    let request = client.expect("a client is made").get(url.expect("a path"));
    // It is refused, and noted.
    let _ = request.send().await;
}
