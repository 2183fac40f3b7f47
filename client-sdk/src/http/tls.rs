//! One TLS configuration for HTTP and for the socket.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::error::Error;

/// TLS 1.2 and 1.3 on ring, certificates checked against the system's roots and those that the configuration adds.
///
/// For a relay on plain HTTP the configuration trusts nobody and the system's roots are not read: a machine that has
/// none can still talk to itself.
pub(crate) fn client_config(config: &crate::ClientConfig) -> Result<ClientConfig, Error> {
    let failed = |error| Error::usage(format!("TLS cannot be set up: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    if !config.relay.is_https() {
        return Ok(builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth());
    }
    let provider = Arc::clone(builder.crypto_provider());
    let verifier =
        Verifier::new_with_extra_roots(config.extra_roots.iter().cloned(), provider).map_err(failed)?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[cfg(test)]
mod tests;
