//! OpenBao behind TLS: whom the relay trusts.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

use sealpost_relay::{
    atrest::{
        KeyWrapError, KeyWrapper,
        transit::{Transit, TransitCredential, TransitSettings},
    },
    embedded::Tools,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::support::{entropy, openbao::settings};

/// OpenBao's own development server, which makes itself a certificate. It keeps nothing, and has no Transit key
/// for us: this is about who answers, not about what.
struct DevelopmentServer {
    _process: Child,
    /// Kept open, so that the server can go on writing.
    _output: Lines<BufReader<ChildStdout>>,
    folder: tempfile::TempDir,
    address: String,
}

impl DevelopmentServer {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut process = command(folder.path(), port).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        while !output
            .next_line()
            .await
            .unwrap()
            .expect("it starts")
            .contains("server started")
        {}
        fs::write(folder.path().join("token"), "root").unwrap();
        Self {
            _process: process,
            _output: output,
            folder,
            address: format!("https://127.0.0.1:{port}"),
        }
    }

    fn transit(&self, ca_file: Option<PathBuf>, address: &str) -> Result<Transit, KeyWrapError> {
        let credential = TransitCredential::TokenFile(self.folder.path().join("token"));
        Transit::new(
            TransitSettings {
                ca_file,
                ..settings(address, credential)
            },
            entropy(),
        )
    }

    fn authority(&self) -> Option<PathBuf> {
        Some(self.folder.path().join("vault-ca.pem"))
    }
}

fn command(folder: &Path, port: u16) -> Command {
    let mut command = Command::new(Tools::locate().openbao().unwrap());
    command
        .args([
            "server",
            "-dev",
            "-dev-tls",
            "-dev-no-store-token",
            "-dev-root-token-id=root",
        ])
        .arg(format!("-dev-tls-cert-dir={}", folder.display()))
        .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

fn text(result: Result<(), KeyWrapError>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn only_the_configured_authority_is_trusted() {
    let server = DevelopmentServer::start().await;
    let trusting = server.transit(server.authority(), &server.address).unwrap();
    // The token is taken and the lack of the key is named: TLS stood.
    let answer = text(trusting.canary().await);
    assert!(
        answer.contains("no handler") || answer.contains("not found"),
        "{answer}"
    );

    let distrusting = server.transit(None, &server.address).unwrap();
    let refusal = distrusting.canary().await;
    assert!(
        matches!(refusal, Err(KeyWrapError::Unavailable(_))),
        "{refusal:?}"
    );
    assert!(text(refusal).contains("certificate"));
}

#[tokio::test]
async fn the_name_in_the_certificate_must_be_that_of_the_address() {
    let server = DevelopmentServer::start().await;
    let elsewhere = server.address.replace("127.0.0.1", "127.0.0.2");
    let refusal = server
        .transit(server.authority(), &elsewhere)
        .unwrap()
        .canary()
        .await;
    assert!(
        matches!(refusal, Err(KeyWrapError::Unavailable(_))),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused_at_start() {
    let server = DevelopmentServer::start().await;
    let no_certificate = server.folder.path().join("token");
    let missing = server.folder.path().join("missing.pem");
    for (authority, address) in [
        (Some(no_certificate), &*server.address),
        (Some(missing), &*server.address),
        (server.authority(), "http://127.0.0.1:1"),
        (None, "ftp://127.0.0.1:1"),
    ] {
        let refused = server.transit(authority, address).err();
        assert!(
            matches!(refused, Some(KeyWrapError::Internal(_))),
            "{address}: {refused:?}"
        );
    }
}
