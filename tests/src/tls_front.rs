//! TLS in front of Postgres, as a pooler or a hosting service has it: our own Postgres is built without.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsAcceptor;

use crate::door::Door;

/// A certificate by an authority of its own.
#[derive(Debug)]
pub struct Certificate {
    folder: TempDir,
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Certificate {
    /// A new one for this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(authority.der())
        );
        fs::write(folder.path().join(AUTHORITY), pem).unwrap();
        Self {
            folder,
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        }
    }

    /// A file with the authority's own certificate.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join(AUTHORITY)
    }
}

const AUTHORITY: &str = "authority.pem";

/// With what a client asks for TLS: length and code, see "SSLRequest" in the documentation of Postgres.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A listener that speaks TLS, and nothing else, for a Postgres behind it. It ends when dropped.
#[derive(Debug)]
pub struct TlsFront(Door);

impl TlsFront {
    /// Listens on a free port of this machine, for the Postgres at this unix socket.
    pub async fn start(postgres: PathBuf, certificate: &Certificate) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(certificate)));
        let door = Door::open(move |stream| {
            let (acceptor, postgres) = (acceptor.clone(), postgres.clone());
            async move {
                // A client that does not like us hangs up.
                let _ = serve(stream, acceptor, postgres).await;
            }
        });
        Self(door.await)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

fn server_config(certificate: &Certificate) -> ServerConfig {
    let key = PrivateKeyDer::from(certificate.key.clone_key());
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.certificate.clone()], key)
        .unwrap()
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor, postgres: PathBuf) -> std::io::Result<()> {
    let mut request = [0; SSL_REQUEST.len()];
    stream.read_exact(&mut request).await?;
    if request != SSL_REQUEST {
        return Ok(());
    }
    stream.write_all(b"S").await?;
    let mut stream = acceptor.accept(stream).await?;
    copy_bidirectional(&mut stream, &mut UnixStream::connect(postgres).await?).await?;
    Ok(())
}
