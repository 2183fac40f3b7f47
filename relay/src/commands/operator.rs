//! What several verbs need.

use crate::{app::Parts, config::Config, metrics::Metrics};

/// Database, keys and accounts, as the relay itself has them.
pub(super) async fn parts(config: &Config) -> anyhow::Result<Parts> {
    Ok(Parts::assemble(config, &Metrics::default()).await?)
}

/// A client for plain HTTP on this machine.
pub(super) fn plain_http() -> reqwest::Client {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client without certificates of its own can always be built")
}
