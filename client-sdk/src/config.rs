//! Where the relay is and where this device keeps its files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::{Host, Url};

use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::weakened::IS_WEAKENED;

/// How a device is called that nobody gave a name.
pub(crate) const DEFAULT_DEVICE_NAME: &str = "device";

/// See [`ClientConfig::heartbeat`].
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Everything a [`crate::Client`] needs to know before it starts. It has no `Debug`: headers may carry secrets.
#[derive(Clone)]
pub struct ClientConfig {
    /// The relay.
    pub relay: RelayUrl,
    /// Dials this address instead of the one the relay's name stands for; name, `Host` and certificate check stay those
    /// of the URL (like `curl --connect-to`). For proxies and tests.
    pub connect_to: Option<SocketAddr>,
    /// Sent with every request and with the socket's handshake, for a gateway before the relay.
    pub headers: HeaderMap,
    /// The folder that holds this device's store. Created when missing, readable by its owner alone.
    pub home: PathBuf,
    /// How the owner calls this device.
    pub device_name: String,
    /// How long a request over HTTP waits for a relay that cannot be reached; nothing of it has left this device then. None by
    /// default: it is tried once. Spaces wait as long as it takes.
    pub patience: Duration,
    /// How often devices that follow a space tell each other, sealed, how far the relay has signed its log for them; also the time in
    /// which what another was told has to be served here, ten seconds at least. A minute by default; zero for never.
    pub heartbeat: Duration,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Trusted beside the system's roots.
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
}

impl ClientConfig {
    /// A device named `device` that keeps its files in `home` and talks to the relay at `relay_url`.
    ///
    /// # Errors
    /// [`Error::Usage`] when the URL is not that of a relay, see [`RelayUrl::parse`].
    pub fn new(relay_url: &str, home: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self {
            relay: RelayUrl::parse(relay_url)?,
            connect_to: None,
            headers: HeaderMap::new(),
            home: home.into(),
            device_name: DEFAULT_DEVICE_NAME.to_owned(),
            patience: Duration::ZERO,
            heartbeat: HEARTBEAT,
            clock: Arc::new(SystemClock),
            extra_roots: Vec::new(),
        })
    }

    /// Trusts the certificate authorities in `pem` too, beside the system's: for a relay whose certificate comes from an
    /// authority of its operator.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none in it, or something that does not parse.
    pub fn add_root_certificates(&mut self, pem: &[u8]) -> Result<(), Error> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match read {
            Ok(roots) if !roots.is_empty() => self.extra_roots.extend(roots),
            _ => return Err(Error::usage("there is no certificate in PEM form")),
        }
        Ok(())
    }

    /// Adds a header for a gateway before the relay.
    ///
    /// # Errors
    /// [`Error::Usage`] when it is not a header, or one that this crate sets itself.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), Error> {
        const OURS: [HeaderName; 4] = [
            http::header::AUTHORIZATION,
            http::header::HOST,
            http::header::CONTENT_LENGTH,
            http::header::CONTENT_TYPE,
        ];
        let name: HeaderName = name
            .parse()
            .map_err(|_| Error::usage("a header's name is malformed"))?;
        if OURS.contains(&name) {
            return Err(Error::usage(format!("the header {name} is set by this program")));
        }
        let mut value: HeaderValue = value
            .parse()
            .map_err(|_| Error::usage(format!("the value of the header {name} is malformed")))?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(())
    }
}

/// The origin of a relay: scheme, host and port, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayUrl {
    url: Url,
}

impl RelayUrl {
    /// Parses `https://host[:port]`, or `http://` where the host is this machine.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other scheme, for credentials, a path, a query or a fragment, and for plain HTTP to
    /// another machine: the session token would cross the network readable.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text).map_err(|_| Error::usage(format!("{text:?} is not a URL")))?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if !bare || url.host().is_none() {
            return Err(Error::usage(
                "a relay's URL is scheme, host and port, nothing else",
            ));
        }
        let relay = Self { url };
        if IS_WEAKENED && !relay.is_loopback() {
            return Err(Error::usage(
                "this program was built without its checks and reaches this machine alone",
            ));
        }
        match relay.url.scheme() {
            "https" => Ok(relay),
            "http" if relay.is_loopback() => Ok(relay),
            "http" => Err(Error::usage(
                "plain http is for a relay on this machine; use https",
            )),
            _ => Err(Error::usage("a relay's URL starts with https:// or http://")),
        }
    }

    /// The origin as signed proofs name it, for example `https://relay.example.org` or `http://relay.localhost:7450`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The URL of a path of the API.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    /// Whether connections to it are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Its host.
    pub(crate) fn host(&self) -> Host<&str> {
        self.url.host().expect("checked when parsed")
    }

    /// Host and port, as the `Host` header has them.
    pub(crate) fn authority(&self) -> &str {
        self.url.authority()
    }

    /// Its port, the scheme's own where none is given.
    pub(crate) fn port(&self) -> u16 {
        self.url
            .port_or_known_default()
            .expect("http and https have a port of their own")
    }

    /// Whether the host is this machine: a loopback address, `localhost` or a name under it (RFC 6761, section 6.3).
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host() {
            Host::Domain(name) => is_localhost(name),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }
}

/// Whether a name is `localhost` or ends in `.localhost`.
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_leaves_the_default_port_out() {
        for (text, origin) in [
            ("https://relay.example.org", "https://relay.example.org"),
            ("https://Relay.Example.org:443/", "https://relay.example.org"),
            ("http://relay.localhost:7450", "http://relay.localhost:7450"),
            ("http://[::1]:7450", "http://[::1]:7450"),
        ] {
            assert_eq!(RelayUrl::parse(text).unwrap().origin(), origin);
        }
    }

    #[test]
    fn anything_but_an_origin_is_refused() {
        for text in [
            "relay.example.org",
            "ftp://relay.example.org",
            "https://relay.example.org/path",
            "https://relay.example.org/?token=1",
            "https://alice@relay.example.org",
            "https://relay.example.org#fragment",
            "http://relay.example.org",
            "http://localhost.example.org",
            "http://192.0.2.1:7450",
        ] {
            assert!(RelayUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn own_headers_cannot_be_replaced() {
        let mut config = ClientConfig::new("https://relay.example.org", "home").unwrap();
        assert!(config.add_header("authorization", "Bearer x").is_err());
        assert!(config.add_header("x-gateway", "line\nbreak").is_err());
        config.add_header("x-gateway", "token").unwrap();
        assert!(config.headers["x-gateway"].is_sensitive());
    }
}
