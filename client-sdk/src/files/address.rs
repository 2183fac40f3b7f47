//! Where blobs may go to and come from.

use url::{Host, Url};

use crate::config::{RelayUrl, is_localhost};
use crate::error::Error;
use crate::weakened::holds;

/// The one place that the relay announced. Every address that it signs has to be in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoragePlace {
    prefix: Url,
}

impl StoragePlace {
    /// What a relay announced.
    ///
    /// # Errors
    /// [`Error::Integrity`] for what no honest relay announces: plain HTTP beside a relay on HTTPS, a machine of this
    /// network beside a relay elsewhere, credentials, or no folder.
    pub(super) fn parse(announced: &str, relay: &RelayUrl) -> Result<Self, Error> {
        let prefix = Url::parse(announced).map_err(|_| Error::alarm("the relay's storage has no address"))?;
        let bare = is_bare(&prefix) && prefix.query().is_none() && prefix.path().ends_with('/');
        if !bare || !matches!(prefix.scheme(), "http" | "https") {
            return Err(Error::alarm("the address of the relay's storage is malformed"));
        }
        if relay.is_https() && prefix.scheme() != "https" {
            return Err(Error::alarm("the relay's storage is not reached by https"));
        }
        if is_near(prefix.host()) && !is_near(Some(relay.host())) {
            return Err(Error::alarm(
                "the relay names a machine of this network as its storage",
            ));
        }
        Ok(Self { prefix })
    }

    /// An address that the relay signed.
    ///
    /// # Errors
    /// [`Error::Integrity`] unless it is in the announced place.
    pub(super) fn check(&self, signed: &str) -> Result<Url, Error> {
        let elsewhere = || Error::alarm("the relay names an address outside of its storage");
        let url = Url::parse(signed).map_err(|_| elsewhere())?;
        let same_server = url.scheme() == self.prefix.scheme()
            && url.host() == self.prefix.host()
            && url.port_or_known_default() == self.prefix.port_or_known_default();
        // Parsing has resolved every dot; encoded slashes a server may resolve by itself.
        let inside =
            url.path().starts_with(self.prefix.path()) && !url.path().to_ascii_lowercase().contains("%2f");
        holds(same_server && inside && is_bare(&url))
            .then_some(url)
            .ok_or_else(elsewhere)
    }
}

fn is_bare(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

/// This machine, or one of a private network, by its address.
fn is_near(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(address)) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
        }
        Some(Host::Ipv6(address)) => {
            let mapped = address
                .to_ipv4_mapped()
                .map(|address| is_near(Some(Host::Ipv4(address))));
            let local = address.is_loopback() || address.is_unspecified() || address.is_unique_local();
            mapped.unwrap_or(local || address.is_unicast_link_local())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(url: &str) -> RelayUrl {
        RelayUrl::parse(url).unwrap()
    }

    fn place() -> StoragePlace {
        let relay = relay("https://relay.example.org");
        StoragePlace::parse("https://s3.example.org/bucket/", &relay).unwrap()
    }

    #[test]
    fn addresses_in_the_announced_place_are_taken() {
        for url in [
            "https://s3.example.org/bucket/a/b?X-Amz-Signature=0",
            "https://S3.example.org:443/bucket/a",
        ] {
            place().check(url).unwrap();
        }
    }

    #[test]
    fn r54_addresses_elsewhere_are_refused() {
        for url in [
            "https://evil.example.org/bucket/a",
            "https://s3.example.org.evil.example/bucket/a",
            "http://s3.example.org/bucket/a",
            "https://s3.example.org:8443/bucket/a",
            "https://s3.example.org/other/a",
            "https://s3.example.org/bucket",
            "https://s3.example.org/bucket/../other/a",
            "https://s3.example.org/bucket/%2e%2e/other/a",
            "https://s3.example.org/bucket/..%2Fother/a",
            "https://alice@s3.example.org/bucket/a",
            "https://s3.example.org@evil.example/bucket/a",
            "https://127.0.0.1/bucket/a",
            "file:///bucket/a",
            "bucket/a",
        ] {
            assert!(matches!(place().check(url), Err(Error::Integrity(_))), "{url}");
        }
    }

    #[test]
    fn r54_storages_on_this_network_or_without_https_are_refused_to_a_relay_elsewhere() {
        let far = relay("https://relay.example.org");
        for announced in [
            "http://s3.example.org/bucket/",
            "https://localhost/bucket/",
            "https://127.0.0.1/bucket/",
            "https://10.1.2.3/bucket/",
            "https://192.168.1.1/bucket/",
            "https://169.254.169.254/bucket/",
            "https://[::1]/bucket/",
            "https://[::ffff:10.0.0.1]/bucket/",
            "https://[fd00::1]/bucket/",
            "https://s3.example.org/bucket",
            "https://s3.example.org/bucket/?a",
            "https://alice:x@s3.example.org/bucket/",
            "ftp://s3.example.org/bucket/",
            "",
        ] {
            let refused = StoragePlace::parse(announced, &far);
            assert!(matches!(refused, Err(Error::Integrity(_))), "{announced}");
        }
        let here = relay("http://127.0.0.1:7450");
        StoragePlace::parse("http://127.0.0.1:7452/sealpost/", &here).unwrap();
    }
}
