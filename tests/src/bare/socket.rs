//! A WebSocket without a library: whoever holds it may send any bytes at any time, and learns how it ended.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;
use prost::Message as _;
use sealpost_protocol::wire::{self, client_frame::Body as Ask, relay_frame::Body as Answer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::Person;

/// Headers of a valid opening handshake.
pub const HEADERS: &str = "Host: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sealpost.v1\r\n";

/// Bytes from the relay that the kernel keeps, before it doubles that for itself.
const KERNEL_BUFFER: u32 = 32 * 1024;

/// The first byte of a frame (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A whole binary message.
    Binary = 0x82,
    /// The first part of a binary message.
    First = 0x02,
    /// A part that is neither the first nor the last.
    Continuation = 0x00,
    /// A ping.
    Ping = 0x89,
    /// A pong.
    Pong = 0x8a,
}

/// Something from the relay.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// A frame of the protocol.
    Frame(wire::RelayFrame),
    /// A ping; it was not answered.
    Ping,
    /// A pong.
    Pong,
    /// The relay closes, with this code and this reason.
    Close(u16, String),
    /// The connection ended without a word.
    Gone,
}

/// The relay did not take somebody in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// There was no connection.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It answered the opening handshake with this status.
    #[error("status {0}")]
    Status(u16),
    /// It closed the socket.
    #[error("close {0} {1}")]
    Closed(u16, String),
}

/// A socket of any make over which a relay is asked.
pub trait Asks {
    /// Why there was no answer.
    type Failure: fmt::Debug;

    /// Sends a request and waits for its answer; other frames are dropped.
    fn ask(&mut self, request: Ask) -> impl Future<Output = Result<Answer, Self::Failure>> + Send;
}

/// An open socket; its halves may be used apart.
pub struct Socket {
    /// Hears the relay.
    pub ear: Ear,
    /// Speaks to it.
    pub mouth: Mouth,
}

/// What the relay sends.
pub struct Ear(pub BufReader<OwnedReadHalf>);

/// What the relay gets.
pub struct Mouth {
    /// For bytes of any kind.
    pub stream: OwnedWriteHalf,
    last_request: u64,
}

impl Socket {
    /// A TCP connection from an address of this machine.
    pub async fn dial(from: IpAddr, relay: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        // Else the kernel would take megabytes for who never reads them.
        socket.set_recv_buffer_size(KERNEL_BUFFER)?;
        socket.bind(SocketAddr::new(from, 0))?;
        let stream = socket.connect(relay).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Opens a socket; gives the challenge, too.
    pub async fn knock(from: IpAddr, relay: SocketAddr) -> Result<(Self, Bytes), Denied> {
        let mut stream = Self::dial(from, relay).await?;
        stream
            .write_all(format!("GET /v1/socket HTTP/1.1\r\n{HEADERS}\r\n").as_bytes())
            .await?;
        let (reader, writer) = stream.into_split();
        let mut socket = Self {
            ear: Ear(BufReader::with_capacity(4 * 1024, reader)),
            mouth: Mouth {
                stream: writer,
                last_request: 0,
            },
        };
        let status = socket.ear.status().await?;
        if status != 101 {
            return Err(Denied::Status(status));
        }
        match socket.ear.next().await {
            Incoming::Frame(wire::RelayFrame {
                body: Some(Answer::Challenge(challenge)),
                ..
            }) => Ok((socket, challenge.nonce)),
            other => Err(denied(other)),
        }
    }

    /// Opens a socket and proves to be `person`.
    pub async fn log_in(from: IpAddr, relay: SocketAddr, person: &Person) -> Result<Self, Denied> {
        let (mut socket, nonce) = Self::knock(from, relay).await?;
        let proof = person.prove(&nonce);
        socket.mouth.send(Ask::Authenticate(proof)).await?;
        match socket.ear.next().await {
            Incoming::Frame(wire::RelayFrame {
                body: Some(Answer::Authenticated(_)),
                ..
            }) => Ok(socket),
            other => Err(denied(other)),
        }
    }

    /// Sends a request and waits for its answer; other frames are dropped.
    pub async fn ask(&mut self, body: Ask) -> Result<Answer, Denied> {
        let id = self.mouth.send(body).await?;
        loop {
            match self.ear.next().await {
                Incoming::Frame(frame) if frame.request_id == id => {
                    return frame.body.ok_or(Denied::Io(io::ErrorKind::InvalidData.into()));
                }
                Incoming::Frame(_) | Incoming::Ping | Incoming::Pong => {}
                other => return Err(denied(other)),
            }
        }
    }
}

impl Asks for Socket {
    type Failure = Denied;

    async fn ask(&mut self, request: Ask) -> Result<Answer, Denied> {
        Self::ask(self, request).await
    }
}

impl Mouth {
    /// Sends a request; returns its id.
    pub async fn send(&mut self, body: Ask) -> io::Result<u64> {
        self.last_request += 1;
        let bytes = encode_request(self.last_request, body);
        self.stream.write_all(&frame(Opcode::Binary, &bytes)).await?;
        Ok(self.last_request)
    }
}

impl Ear {
    async fn status(&mut self) -> io::Result<u16> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await?);
        }
        let status = head
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        status
            .and_then(|digits| digits.parse().ok())
            .ok_or(io::ErrorKind::InvalidData.into())
    }

    /// The next thing the relay sends. Not to be cancelled.
    pub async fn next(&mut self) -> Incoming {
        self.try_next().await.unwrap_or(Incoming::Gone)
    }

    async fn try_next(&mut self) -> io::Result<Incoming> {
        let opcode = self.0.read_u8().await? & 0x0f;
        let length = match self.0.read_u8().await? {
            126 => u64::from(self.0.read_u16().await?),
            127 => self.0.read_u64().await?,
            length => u64::from(length),
        };
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await?;
        Ok(match opcode {
            0x8 => close(&payload),
            0x9 => Incoming::Ping,
            0xa => Incoming::Pong,
            _ => Incoming::Frame(wire::RelayFrame::decode(&payload[..]).map_err(io::Error::other)?),
        })
    }
}

fn close(payload: &[u8]) -> Incoming {
    match payload.split_first_chunk() {
        Some((code, reason)) => {
            let reason = String::from_utf8_lossy(reason).into_owned();
            Incoming::Close(u16::from_be_bytes(*code), reason)
        }
        None => Incoming::Close(1005, String::new()),
    }
}

fn denied(incoming: Incoming) -> Denied {
    match incoming {
        Incoming::Close(code, reason) => Denied::Closed(code, reason),
        _ => Denied::Io(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// The bytes of a request.
#[must_use]
pub fn encode_request(request_id: u64, body: Ask) -> Vec<u8> {
    let body = Some(body);
    wire::ClientFrame { request_id, body }.encode_to_vec()
}

/// A masked frame; the mask is zero, so that the payload stands there as it is.
#[must_use]
pub fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame_head(opcode as u8, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

/// The head of a masked frame that announces so many bytes.
#[must_use]
pub fn frame_head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => bytes.push(0x80 | length),
        (_, Ok(length)) => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}
