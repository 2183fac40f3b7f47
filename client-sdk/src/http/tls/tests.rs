//! A real TLS server with a certificate made for the test, over HTTP and over the socket.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sealpost_protocol::SUBPROTOCOL;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};

use super::*;
use crate::http::Api;
use crate::transport::{Transport, TransportError, WebSocketTransport};

const NAME: &str = "relay.example.org";

/// An authority that no system trusts.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        let base64 = STANDARD.encode(self.0.der());
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    }

    /// A server's side of TLS, with a certificate for `name`.
    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A configuration that trusts `authority` and dials `address`.
fn config(address: SocketAddr, authority: &Authority) -> crate::ClientConfig {
    let mut config = crate::ClientConfig::new(&format!("https://{NAME}"), "no-home").unwrap();
    config.connect_to = Some(address);
    config.add_root_certificates(authority.pem().as_bytes()).unwrap();
    config
}

/// Accepts one connection; `None` if the client does not go through with the TLS handshake.
async fn listen(acceptor: TlsAcceptor) -> (SocketAddr, JoinHandle<Option<TlsStream<TcpStream>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.ok()
    });
    (address, accepted)
}

/// What a client that trusts `trusted` says to a relay with a certificate of `issuer` for `name`.
async fn ask(issuer: &Authority, name: &str, trusted: &Authority) -> Error {
    let (address, accepted) = listen(issuer.acceptor(name)).await;
    let serving = tokio::spawn(async move {
        let mut stream = accepted.await.unwrap()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.ok()
    });
    let error = Api::new(&config(address, trusted))
        .unwrap()
        .info()
        .await
        .unwrap_err();
    serving.await.unwrap();
    error
}

struct Relay;

impl Callback for Relay {
    fn on_request(self, _: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let protocol = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        Ok(response)
    }
}

/// The same over the socket.
async fn open(issuer: &Authority, name: &str, trusted: &Authority) -> Result<(), TransportError> {
    let (address, accepted) = listen(issuer.acceptor(name)).await;
    let serving = tokio::spawn(async move {
        let stream = accepted.await.unwrap()?;
        accept_hdr_async(stream, Relay).await.ok()
    });
    let config = config(address, trusted);
    let tls = Arc::new(client_config(&config).unwrap());
    let opened = WebSocketTransport::new(config, tls).connect().await;
    drop(serving.await.unwrap());
    opened.map(drop)
}

#[tokio::test]
async fn certificate_of_a_trusted_authority_for_the_relays_name_is_accepted() {
    let authority = Authority::new();
    let Error::Refused(refusal) = ask(&authority, NAME, &authority).await else {
        panic!("expected the server's answer");
    };
    assert_eq!(refusal.word, "http_404");
    open(&authority, NAME, &authority).await.unwrap();
}

#[tokio::test]
async fn certificate_of_an_unknown_authority_is_refused_over_http_and_over_the_socket() {
    let (authority, other) = (Authority::new(), Authority::new());
    let error = ask(&authority, NAME, &other).await;
    assert!(
        matches!(&error, Error::Network(text) if text.contains("certificate")),
        "{error}"
    );
    let error = open(&authority, NAME, &other).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn certificate_for_another_name_is_refused_over_http_and_over_the_socket() {
    let authority = Authority::new();
    let error = ask(&authority, "other.example.org", &authority).await;
    assert!(
        matches!(&error, Error::Network(text) if text.contains("certificate")),
        "{error}"
    );
    let error = open(&authority, "other.example.org", &authority)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[test]
fn text_without_a_certificate_is_refused() {
    let mut config = crate::ClientConfig::new("https://relay.example.org", "no-home").unwrap();
    for text in ["", "-----BEGIN CERTIFICATE-----\n", "nonsense"] {
        assert!(config.add_root_certificates(text.as_bytes()).is_err(), "{text:?}");
    }
}
