//! Somebody between a client and an honest relay who changes what the relay says: a hostile relay, that is.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use sealpost_protocol::{SUBPROTOCOL, wire};
use sealpost_tests::door::Door;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{
    Message,
    client::IntoClientRequest,
    handshake::server::{Request, Response},
    http::HeaderValue,
};

/// Changes a frame of the relay on its way.
pub type Fault = Box<dyn FnMut(&mut wire::RelayFrame) + Send>;

/// Listens in a relay's place. HTTP passes as it is; frames of sockets pass through the fault.
pub struct Meddler {
    shared: Arc<Shared>,
    door: Door,
}

#[derive(Default)]
struct Shared {
    relay: Mutex<Option<SocketAddr>>,
    fault: Mutex<Option<Fault>>,
}

impl Meddler {
    pub async fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let door = Door::open(move |client| serve(client, Arc::clone(&serving))).await;
        Self { shared, door }
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    pub fn lead_to(&self, relay: SocketAddr) {
        *self.shared.relay.lock().unwrap() = Some(relay);
    }

    /// From now on frames are changed.
    pub fn set_fault(&self, fault: impl FnMut(&mut wire::RelayFrame) + Send + 'static) {
        *self.shared.fault.lock().unwrap() = Some(Box::new(fault));
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    // Either end may go at any time; nobody is left to tell.
    let _ = pass(client, &shared).await;
}

async fn pass(mut client: TcpStream, shared: &Shared) -> Option<()> {
    let relay = (*shared.relay.lock().unwrap())?;
    if is_socket(&client).await? {
        return meddle(client, relay, shared).await;
    }
    let mut upstream = TcpStream::connect(relay).await.ok()?;
    tokio::io::copy_bidirectional(&mut client, &mut upstream)
        .await
        .ok()?;
    Some(())
}

/// Clients open a connection of its own for each socket, so its first bytes tell.
async fn is_socket(client: &TcpStream) -> Option<bool> {
    const HEAD: &[u8] = b"GET /v1/socket";
    let mut head = [0; HEAD.len()];
    loop {
        let length = client.peek(&mut head).await.ok()?;
        if length == HEAD.len() || head[..length] != HEAD[..length] {
            return Some(head == *HEAD);
        }
        client.readable().await.ok()?;
    }
}

async fn meddle(client: TcpStream, relay: SocketAddr, shared: &Shared) -> Option<()> {
    let mut request = format!("ws://{relay}/v1/socket").into_client_request().ok()?;
    let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
    request
        .headers_mut()
        .insert("sec-websocket-protocol", subprotocol);
    let upstream = TcpStream::connect(relay).await.ok()?;
    let (upstream, _) = tokio_tungstenite::client_async(request, upstream).await.ok()?;
    let client = tokio_tungstenite::accept_hdr_async(client, accept_subprotocol)
        .await
        .ok()?;
    let (mut to_relay, mut from_relay) = upstream.split();
    let (mut to_client, mut from_client) = client.split();
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            to_relay.send(message).await.ok()?;
        }
        to_relay.close().await.ok()
    };
    let down = async {
        while let Some(Ok(message)) = from_relay.next().await {
            to_client.send(shared.change(message)).await.ok()?;
        }
        to_client.close().await.ok()
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}

impl Shared {
    fn change(&self, message: Message) -> Message {
        let (Message::Binary(bytes), Some(fault)) = (&message, &mut *self.fault.lock().unwrap()) else {
            return message;
        };
        let mut frame = wire::RelayFrame::decode(bytes.clone()).unwrap();
        fault(&mut frame);
        Message::Binary(frame.encode_to_vec().into())
    }
}

#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "the library gives the type of the callback"
)]
fn accept_subprotocol(
    _request: &Request,
    mut response: Response,
) -> Result<Response, tokio_tungstenite::tungstenite::handshake::server::ErrorResponse> {
    let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
    response
        .headers_mut()
        .insert("sec-websocket-protocol", subprotocol);
    Ok(response)
}
