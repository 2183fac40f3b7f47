//! The frames of a socket on their way through.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use sealpost_protocol::SUBPROTOCOL;
use sealpost_protocol::http::paths;
use sealpost_protocol::wire::{ClientFrame, RelayFrame};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::Shared;

/// Answers of the hostile relay's own that wait for the client to read.
const FORGED: usize = 64;

/// Clients open a connection of its own for each socket, so its first bytes tell.
pub(super) async fn is_socket(client: &TcpStream) -> Option<bool> {
    let begins = format!("GET {}", paths::SOCKET);
    let mut head = vec![0; begins.len()];
    loop {
        let length = client.peek(&mut head).await.ok()?;
        if length == 0 {
            return None;
        }
        if length == head.len() || head[..length] != begins.as_bytes()[..length] {
            return Some(head == begins.as_bytes());
        }
        client.readable().await.ok()?;
    }
}

pub(super) async fn pass(client: TcpStream, wrapped: SocketAddr, shared: &Shared) -> Option<()> {
    let mut request = format!("ws://{wrapped}{}", paths::SOCKET)
        .into_client_request()
        .ok()?;
    let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
    request
        .headers_mut()
        .insert("sec-websocket-protocol", subprotocol);
    let upstream = TcpStream::connect(wrapped).await.ok()?;
    let (upstream, _) = tokio_tungstenite::client_async(request, upstream).await.ok()?;
    let client = tokio_tungstenite::accept_hdr_async(client, accept_subprotocol)
        .await
        .ok()?;
    let (mut to_relay, mut from_relay) = upstream.split();
    let (mut to_client, mut from_client) = client.split();
    let (forge, mut forged) = mpsc::channel(FORGED);
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            match answers(shared, &message) {
                Some(frames) => {
                    for frame in frames {
                        forge.send(frame).await.ok()?;
                    }
                }
                None => to_relay.send(message).await.ok()?,
            }
        }
        to_relay.close().await.ok()
    };
    let down = async {
        loop {
            tokio::select! {
                Some(frame) = forged.recv() => to_client.send(message(&frame)).await.ok()?,
                told = from_relay.next() => match told {
                    Some(Ok(told)) => {
                        for message in instead(shared, told) {
                            to_client.send(message).await.ok()?;
                        }
                    }
                    _ => break to_client.close().await.ok(),
                },
            }
        }
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}

/// What a message of the client is answered with here.
fn answers(shared: &Shared, message: &Message) -> Option<Vec<RelayFrame>> {
    let Message::Binary(bytes) = message else {
        return None;
    };
    shared.answer_request(&ClientFrame::decode(bytes.clone()).ok()?)
}

/// What reaches the client instead of a message of the relay.
fn instead(shared: &Shared, told: Message) -> Vec<Message> {
    let frame = match &told {
        Message::Binary(bytes) => RelayFrame::decode(bytes.clone()).ok(),
        _ => None,
    };
    match frame {
        Some(frame) => shared.change_frame(frame).iter().map(message).collect(),
        None => vec![told],
    }
}

fn message(frame: &RelayFrame) -> Message {
    Message::Binary(frame.encode_to_vec().into())
}

#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "the library gives the type of the callback"
)]
fn accept_subprotocol(_request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
    response
        .headers_mut()
        .insert("sec-websocket-protocol", subprotocol);
    Ok(response)
}
