//! Frames over a WebSocket (RFC 6455) with the subprotocol `sealpost.v1`.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use sealpost_protocol::http::paths;
use sealpost_protocol::{SUBPROTOCOL, limits};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::{Incoming, Link, Transport, TransportError};
use crate::config::ClientConfig;
use crate::error::printable;
use crate::http::dial;

/// Time for dialling, TLS and the WebSocket handshake together.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const READ_BUFFER: usize = 64 * 1024;
const MAX_WRITE_BUFFER: usize = 2 * limits::MAX_FRAME;

/// Connects to the relay that a [`ClientConfig`] names.
pub struct WebSocketTransport {
    config: ClientConfig,
    tls: Arc<rustls::ClientConfig>,
}

impl WebSocketTransport {
    /// A transport that trusts the certificates `tls` trusts.
    #[must_use]
    pub fn new(config: ClientConfig, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { config, tls }
    }

    async fn open(&self) -> Result<Link, TransportError> {
        let stream = dial::connect(&self.config)
            .await
            .map_err(|error| TransportError::Unreachable(error.to_string()))?;
        let (socket, _response) = client_async_tls_with_config(
            self.request()?,
            stream,
            Some(socket_config()),
            Some(Connector::Rustls(Arc::clone(&self.tls))),
        )
        .await
        .map_err(handshake_error)?;
        Ok(split(socket))
    }

    fn request(&self) -> Result<Request, TransportError> {
        let scheme = if self.config.relay.is_https() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{}", self.config.relay.authority(), paths::SOCKET);
        let mut request = url.into_client_request().map_err(handshake_error)?;
        let headers = request.headers_mut();
        for (name, value) in &self.config.headers {
            headers.append(name, value.clone());
        }
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        Ok(request)
    }
}

impl Transport for WebSocketTransport {
    fn connect(&self) -> BoxFuture<'_, Result<Link, TransportError>> {
        Box::pin(async {
            timeout(CONNECT_WITHIN, self.open())
                .await
                .unwrap_or_else(|_| Err(TransportError::Unreachable("no answer in time".to_owned())))
        })
    }
}

fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(limits::MAX_FRAME))
        .max_frame_size(Some(limits::MAX_FRAME))
}

fn split(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Link {
    let (sink, stream) = socket.split();
    let sink = sink
        .sink_map_err(|error| broken(&error))
        .with(|frame: Bytes| ready(Ok(Message::Binary(frame))));
    Link {
        sink: Box::pin(sink),
        stream: Box::pin(stream.map(incoming)),
    }
}

fn incoming(message: Result<Message, WsError>) -> Result<Incoming, TransportError> {
    match message {
        Ok(Message::Binary(frame)) => Ok(Incoming::Frame(frame)),
        // The library answers pings by itself.
        Ok(Message::Ping(_) | Message::Pong(_)) => Ok(Incoming::Alive),
        Ok(Message::Close(frame)) => Err(TransportError::Closed {
            code: frame.as_ref().map(|frame| frame.code.into()),
            reason: frame.map(|frame| printable(&frame.reason)).unwrap_or_default(),
        }),
        Ok(Message::Text(_) | Message::Frame(_)) => {
            Err(TransportError::Broken("a message that is not binary".to_owned()))
        }
        Err(error) => Err(broken(&error)),
    }
}

fn broken(error: &WsError) -> TransportError {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => TransportError::Closed {
            code: None,
            reason: String::new(),
        },
        other => TransportError::Broken(other.to_string()),
    }
}

fn handshake_error(error: WsError) -> TransportError {
    match error {
        WsError::Http(response) => TransportError::Refused(format!("HTTP status {}", response.status())),
        WsError::Io(error) => TransportError::Unreachable(error.to_string()),
        other => TransportError::Refused(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
