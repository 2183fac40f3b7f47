use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use http::HeaderMap;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::*;

type ServerSide = WebSocketStream<TcpStream>;

/// Answers as a relay does and keeps what the client asked.
struct Greeter<'a>(&'a mut HeaderMap, Option<HeaderValue>);

impl Callback for Greeter<'_> {
    fn on_request(self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        assert_eq!(request.uri().path(), paths::SOCKET);
        self.0.clone_from(request.headers());
        if let Some(protocol) = self.1 {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        Ok(response)
    }
}

fn transport(url: &str, address: Option<SocketAddr>) -> WebSocketTransport {
    let mut config = ClientConfig::new(url, "unused").unwrap();
    config.connect_to = address;
    config.add_header("x-gateway", "token").unwrap();
    WebSocketTransport::new(config, no_tls())
}

fn no_tls() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}

async fn accept(listener: &TcpListener, protocol: Option<&'static str>) -> (ServerSide, HeaderMap) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut headers = HeaderMap::new();
    let greeter = Greeter(&mut headers, protocol.map(HeaderValue::from_static));
    let server = accept_hdr_async(stream, greeter).await.unwrap();
    (server, headers)
}

async fn connected(url_host: &str) -> (Link, ServerSide, HeaderMap, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let transport = transport(&format!("http://{url_host}:{}", address.port()), None);
    let (link, (server, headers)) = tokio::join!(transport.connect(), accept(&listener, Some(SUBPROTOCOL)));
    (link.unwrap(), server, headers, address.port())
}

#[tokio::test]
async fn handshake_names_subprotocol_host_and_extra_headers() {
    let (_link, _server, headers, port) = connected("relay.localhost").await;
    assert_eq!(headers["sec-websocket-protocol"], SUBPROTOCOL);
    assert_eq!(headers["host"], format!("relay.localhost:{port}"));
    assert_eq!(headers["x-gateway"], "token");
}

#[tokio::test]
async fn frames_pass_both_ways_and_pings_are_answered() {
    let (mut link, mut server, _, _) = connected("127.0.0.1").await;
    link.sink.send(Bytes::from_static(b"to the relay")).await.unwrap();
    let received = server.next().await.unwrap().unwrap();
    assert_eq!(received, Message::Binary(Bytes::from_static(b"to the relay")));
    server
        .send(Message::Ping(Bytes::from_static(b"?")))
        .await
        .unwrap();
    server
        .send(Message::Binary(Bytes::from_static(b"to the client")))
        .await
        .unwrap();
    assert_eq!(link.stream.next().await.unwrap().unwrap(), Incoming::Alive);
    let frame = Incoming::Frame(Bytes::from_static(b"to the client"));
    assert_eq!(link.stream.next().await.unwrap().unwrap(), frame);
    let pong = server.next().await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"?")));
}

#[tokio::test]
async fn close_code_and_reason_arrive_without_terminal_commands() {
    let (mut link, mut server, _, _) = connected("127.0.0.1").await;
    let close = CloseFrame {
        code: 4002.into(),
        reason: "session_ended\u{1b}[2J\u{202e}".into(),
    };
    server.send(Message::Close(Some(close))).await.unwrap();
    let closed = TransportError::Closed {
        code: Some(4002),
        reason: "session_ended[2J".to_owned(),
    };
    assert_eq!(link.stream.next().await.unwrap().unwrap_err(), closed);
}

#[tokio::test]
async fn message_over_the_frame_limit_breaks_the_connection() {
    let (mut link, mut server, _, _) = connected("127.0.0.1").await;
    let sending = tokio::spawn(async move {
        let too_long = vec![0; limits::MAX_FRAME + 1];
        // The client hangs up in the middle of it.
        let _ = server.send(Message::Binary(too_long.into())).await;
    });
    let error = link.stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error, TransportError::Broken(_)));
    drop(link);
    sending.await.unwrap();
}

#[tokio::test]
async fn server_without_the_subprotocol_is_no_relay() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = transport("http://relay.localhost:1", listener.local_addr().ok());
    let (link, _) = tokio::join!(transport.connect(), accept(&listener, None));
    assert!(matches!(link, Err(TransportError::Refused(_))));
}

#[tokio::test]
async fn port_nobody_listens_on_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let link = transport("http://localhost:1", Some(address)).connect().await;
    assert!(matches!(link, Err(TransportError::Unreachable(_))));
}
