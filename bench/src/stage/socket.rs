//! Sockets as the load generator holds them: frames of the protocol over a WebSocket, nothing on top.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use sealpost_protocol::{
    SUBPROTOCOL,
    http::paths,
    wire::{self, client_frame::Body as Ask, relay_frame::Body as Answer},
};
use sealpost_relay::entropy::{Entropy, SystemEntropy};
use sealpost_tests::bare::{Asks, Person, Room};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message, client::IntoClientRequest, handshake::client::Request, protocol::WebSocketConfig,
    },
};

/// Small, because thousands of sockets may be open; what a busy one reads is read in pieces of this size.
const READ_BUFFER: usize = 16 * 1024;

/// A WebSocket to the relay or to one of its peers.
pub type WebSocket = WebSocketStream<TcpStream>;

/// A WebSocket to the relay.
pub struct Socket {
    /// For who wants more than one request at a time.
    pub stream: WebSocket,
    last_request: u64,
}

/// Opens a WebSocket to one of the relay's peers.
pub async fn open_web_socket(address: SocketAddr) -> Result<WebSocket> {
    open(address, request(address)?).await
}

/// Opens a WebSocket that asks for the relay's subprotocol.
async fn open_relay_socket(address: SocketAddr) -> Result<WebSocket> {
    let mut request = request(address)?;
    let subprotocol = SUBPROTOCOL
        .parse()
        .context("the subprotocol is a header's value")?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", subprotocol);
    open(address, request).await
}

fn request(address: SocketAddr) -> Result<Request> {
    Ok(format!("ws://{address}{}", paths::SOCKET).into_client_request()?)
}

async fn open(address: SocketAddr, request: Request) -> Result<WebSocket> {
    let stream = TcpStream::connect(address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
    Ok(socket)
}

/// Opens a socket of `person`, at an install of its own, that gets everything behind the making of `room`.
pub async fn open_reader(relay: SocketAddr, person: &Person, room: &Room) -> Result<WebSocket> {
    let mut socket = Socket::open(relay, &person.at_another_install()).await?;
    match socket.ask(room.subscribe()).await? {
        Answer::Subscribed(_) => Ok(socket.stream),
        other => bail!("the relay answered a subscription with {other:?}"),
    }
}

impl Socket {
    /// Opens a socket of `person`.
    pub async fn open(relay: SocketAddr, person: &Person) -> Result<Self> {
        let mut socket = Self {
            stream: open_relay_socket(relay).await?,
            last_request: 0,
        };
        let Answer::Challenge(challenge) = socket.receive().await?.1 else {
            bail!("the relay began without a challenge");
        };
        let proof = person.prove(&challenge.nonce);
        match socket.ask(Ask::Authenticate(proof)).await? {
            Answer::Authenticated(_) => Ok(socket),
            other => bail!("the relay did not take the proof: {other:?}"),
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, request: Ask) -> Result<Answer> {
        let id = self.send(request).await?;
        loop {
            match self.receive().await? {
                (answered, Answer::Nack(nack)) if answered == id => bail!(refusal(&nack)),
                (answered, answer) if answered == id => return Ok(answer),
                _ => {}
            }
        }
    }

    /// Publishes, and expects every entry to be acked; returns the acks.
    pub async fn publish(&mut self, publish: wire::Publish) -> Result<Vec<wire::Ack>> {
        match self.ask(Ask::Publish(publish)).await? {
            Answer::Published(wire::Published { nack: Some(nack), .. }) => bail!(refusal(&nack)),
            Answer::Published(published) => Ok(published.acks),
            other => bail!("the relay answered a publish with {other:?}"),
        }
    }

    /// Sends a request; returns its id.
    pub async fn send(&mut self, request: Ask) -> Result<u64> {
        self.last_request += 1;
        let message = Message::Binary(frame(self.last_request, request));
        self.stream.send(message).await.context("sending")?;
        Ok(self.last_request)
    }

    /// The next frame that is more than a sign of life: which request it answers, and how.
    pub async fn receive(&mut self) -> Result<(u64, Answer)> {
        loop {
            let frame = read(self.stream.next().await)?;
            if let Some(body) = frame.body {
                return Ok((frame.request_id, body));
            }
        }
    }

    /// The id that the next request may have.
    #[must_use]
    pub fn next_request(&self) -> u64 {
        self.last_request + 1
    }
}

impl Asks for Socket {
    type Failure = anyhow::Error;

    async fn ask(&mut self, request: Ask) -> Result<Answer> {
        Self::ask(self, request).await
    }
}

/// The bytes of a request.
#[must_use]
pub fn frame(request_id: u64, body: Ask) -> Bytes {
    let frame = wire::ClientFrame {
        request_id,
        body: Some(body),
    };
    frame.encode_to_vec().into()
}

/// The frame in what a stream gave; pings are answered by the library, and are frames without a body.
pub fn read(
    message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
) -> Result<wire::RelayFrame> {
    match message.context("the connection was closed")?? {
        Message::Binary(bytes) => Ok(wire::RelayFrame::decode(bytes)?),
        Message::Ping(_) | Message::Pong(_) => Ok(wire::RelayFrame::default()),
        other => bail!("expected a frame, got {other:?}"),
    }
}

/// A refusal in words.
#[must_use]
pub fn refusal(nack: &wire::Nack) -> String {
    format!("the relay refused with `{}`: {}", nack.code, nack.message)
}

/// Overwrites with random bytes.
pub fn fill(bytes: &mut [u8]) {
    SystemEntropy.fill(bytes);
}
