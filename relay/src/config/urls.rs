//! What is asked of URLs.

use url::{Host, Url};

/// Whether clients elsewhere may be told this URL in production: encrypted, and not this machine itself.
pub(super) fn is_public(url: &Url) -> bool {
    let public_host = match url.host() {
        Some(Host::Domain(name)) => name != "localhost" && !name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => !address.is_loopback() && !address.is_unspecified(),
        Some(Host::Ipv6(address)) => !address.is_loopback() && !address.is_unspecified(),
        None => false,
    };
    url.scheme() == "https" && public_host
}

/// Whether there is no name, password, query or fragment in it.
pub(super) fn is_bare(url: &Url) -> bool {
    let anonymous = url.username().is_empty() && url.password().is_none();
    anonymous && url.query().is_none() && url.fragment().is_none()
}
