//! A client made of bytes, so that it can do what no library would.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use sealpost_protocol::socket::SocketProof;
use sealpost_protocol::wire::{self, client_frame, relay_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::relay::{KERNEL_BUFFER, ORIGIN, Relay};
use crate::log::tests::actors::Actor;

/// Someone with a session.
pub struct Person {
    pub actor: Actor,
    pub token: [u8; 32],
    pub session_id: SessionId,
    pub account_id: AccountId,
}

impl Person {
    pub fn alice() -> Self {
        Self::new(1)
    }

    pub fn bob() -> Self {
        Self::new(2)
    }

    fn new(seed: u8) -> Self {
        Self {
            actor: Actor::new(seed),
            token: [seed; 32],
            session_id: SessionId::new([seed; 16]),
            account_id: AccountId::new([seed; 16]),
        }
    }

    pub fn principal_id(&self) -> PrincipalId {
        self.actor.id()
    }

    /// The honest answer to a challenge.
    pub fn answer(&self, nonce: &[u8]) -> wire::Authenticate {
        self.answer_for(ORIGIN, nonce)
    }

    pub fn answer_for(&self, origin: &str, nonce: &[u8]) -> wire::Authenticate {
        let (principal_id, writer_id) = (self.principal_id(), self.actor.writer);
        let proof = SocketProof {
            origin,
            nonce,
            principal_id: &principal_id,
            session_id: &self.session_id,
            writer_id: &writer_id,
        };
        wire::Authenticate {
            session_token: Bytes::copy_from_slice(&self.token),
            session_id: self.session_id.to_bytes(),
            principal_id: principal_id.to_bytes(),
            writer_id: writer_id.to_bytes(),
            signature: Bytes::copy_from_slice(&proof.sign(&self.actor.key)),
        }
    }
}

/// Headers of a valid opening handshake.
pub const HEADERS: &str = "Host: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sealpost.v1\r\n";

/// Sends a request; returns the stream and the head of the answer.
pub async fn request(relay: &Relay, target: &str, headers: &str) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(KERNEL_BUFFER).unwrap();
    let mut stream = socket.connect(relay.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

/// An open socket.
pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
    last_request: u64,
}

impl Client {
    /// Opens a socket and reads the challenge.
    pub async fn connect(relay: &Relay) -> (Self, Bytes) {
        let (stream, answer) = request(relay, "/v1/socket", HEADERS).await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let mut client = Self {
            socket,
            last_request: 0,
        };
        let frame = client.receive().await;
        let Some(relay_frame::Body::Challenge(challenge)) = frame.body else {
            panic!("expected a challenge, got {frame:?}");
        };
        assert_eq!(frame.request_id, 0);
        (client, challenge.nonce)
    }

    /// Opens a socket and authenticates.
    pub async fn log_in(relay: &Relay, person: &Person) -> Self {
        let (mut client, nonce) = Self::connect(relay).await;
        let id = client
            .send(client_frame::Body::Authenticate(person.answer(&nonce)))
            .await;
        let frame = client.receive().await;
        assert_eq!(frame.request_id, id);
        assert!(
            matches!(frame.body, Some(relay_frame::Body::Authenticated(_))),
            "{frame:?}"
        );
        client
    }

    /// Sends a request; returns its id.
    pub async fn send(&mut self, body: client_frame::Body) -> u64 {
        self.last_request += 1;
        let frame = wire::ClientFrame {
            request_id: self.last_request,
            body: Some(body),
        };
        self.send_message(Message::Binary(frame.encode_to_vec().into()))
            .await;
        self.last_request
    }

    /// Gives the next request the id of the last one.
    pub fn repeat_request_id(&mut self) {
        self.last_request -= 1;
    }

    pub async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Bytes behind the WebSocket library's back.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).await.unwrap();
    }

    /// The next frame of the relay.
    pub async fn receive(&mut self) -> wire::RelayFrame {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Binary(bytes) => return wire::RelayFrame::decode(bytes).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a frame, got {other:?}"),
            }
        }
    }

    /// The answer to the next request, which must be a nack.
    pub async fn nack(&mut self) -> (u64, wire::Nack) {
        let frame = self.receive().await;
        match frame.body {
            Some(relay_frame::Body::Nack(nack)) => (frame.request_id, nack),
            other => panic!("expected a nack, got {other:?}"),
        }
    }

    /// Reads to the end; returns the close frame's code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self
                .socket
                .next()
                .await
                .expect("a close frame comes first")
                .unwrap()
            {
                Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
                Message::Close(None) => panic!("a close frame without a code"),
                _ => {}
            }
        }
    }
}

/// A request that the relay refuses by itself.
pub fn unknown_subscription() -> client_frame::Body {
    client_frame::Body::Unsubscribe(wire::Unsubscribe { subscription: 999 })
}
