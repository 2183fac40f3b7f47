//! HTTP clients of our own: for few, known servers.

use std::{path::Path, sync::Once, time::Duration};

use reqwest::{Certificate, Client, ClientBuilder, redirect::Policy};
use url::Url;

/// A server that is there accepts soon or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A client for one server; `ca_file` (PEM) is then the one authority that is trusted. It never follows a redirect and never
/// uses a proxy: either would carry what we send to somebody else. Blocks on a small local file.
///
/// # Errors
/// What is wrong with address or file, in a sentence.
pub(crate) fn client(
    address: &Url,
    ca_file: Option<&Path>,
    request_timeout: Duration,
) -> Result<Client, &'static str> {
    install_crypto_provider();
    let builder = ClientBuilder::new()
        .timeout(request_timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(request_timeout))
        .redirect(Policy::none())
        .no_proxy();
    let trusting = match (ca_file, address.scheme()) {
        (Some(path), "https") => builder.tls_certs_only(certificates(path)?),
        // No certificates at all, so that no system store is looked for (reqwest issue 2988).
        (None, "http") => builder.tls_certs_only([]),
        (None, "https") => builder,
        (Some(_), "http") => return Err("a certificate authority is of no use without https"),
        _ => return Err("the address is neither http nor https"),
    };
    trusting.build().map_err(|_| "the TLS settings cannot be used")
}

/// Gives rustls its one source of primitives, for the whole process. Doing so again is harmless.
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only when the process has a provider already, which is then as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, &'static str> {
    let pem = std::fs::read(path).map_err(|_| "the certificate file cannot be read")?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err("the certificate file holds no certificate"),
    }
}
