//! The relay: in this process, or as a child that can be killed.

mod child;
mod inside;
mod options;

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{StatusCode, redirect::Policy};

pub use self::{
    child::{ChildRelay, DeadRelay},
    inside::Relay,
    options::RelayOptions,
};

/// A client for plain HTTP on this machine.
#[must_use]
pub fn http() -> reqwest::Client {
    http_with(Policy::default())
}

/// The same that treats redirects so.
///
/// # Panics
/// When TLS cannot be set up.
#[must_use]
pub fn http_with(redirects: Policy) -> reqwest::Client {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(redirects);
    client.build().unwrap()
}

/// Where a relay listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// For clients.
    pub public: SocketAddr,
    /// For operators.
    pub ops: SocketAddr,
}

impl Addresses {
    /// The relay's base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.public)
    }

    /// What the public listener answers at `path` to a session that does not exist, told apart by `name`.
    pub async fn ask_as(&self, name: &str, path: &str) -> (StatusCode, String) {
        let mut token = [b'-'; 32];
        token[..name.len()].copy_from_slice(name.as_bytes());
        let answer = http()
            .get(format!("http://{}{path}", self.public))
            .bearer_auth(URL_SAFE_NO_PAD.encode(token))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// What the ops listener answers at `path`.
    pub async fn ask_ops(&self, path: &str) -> (StatusCode, String) {
        let answer = http()
            .get(format!("http://{}{path}", self.ops))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}
