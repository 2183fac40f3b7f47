//! A transport whose other end is the test.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt, sink};
use prost::Message as _;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use sealpost_protocol::wire::{self, ClientFrame, RelayFrame};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::error::Error;
use crate::socket::Credentials;
use crate::transport::{Incoming, Link, Transport, TransportError};

pub(crate) const INCARNATION: [u8; 16] = [9; 16];
pub(crate) const PING_INTERVAL_MS: u32 = 20_000;

/// Hands its connections to the test; with no test behind it, nothing is reachable.
pub(crate) struct TestTransport {
    connections: mpsc::Sender<RelaySide>,
}

/// The relay's end of one connection.
pub(crate) struct RelaySide {
    from_client: mpsc::Receiver<Bytes>,
    to_client: mpsc::Sender<Result<Incoming, TransportError>>,
}

/// Where connections arrive.
pub(crate) struct Arrivals(mpsc::Receiver<RelaySide>);

/// Proves nothing: the test plays the relay.
pub(crate) struct NoCredentials;

impl Credentials for NoCredentials {
    fn authenticate<'a>(&'a self, nonce: &'a [u8]) -> BoxFuture<'a, Result<wire::Authenticate, Error>> {
        let signature = Bytes::copy_from_slice(nonce);
        Box::pin(async {
            Ok(wire::Authenticate {
                signature,
                ..Default::default()
            })
        })
    }
}

impl TestTransport {
    pub(crate) fn new() -> (Self, Arrivals) {
        let (connections, arrivals) = mpsc::channel(16);
        (Self { connections }, Arrivals(arrivals))
    }
}

impl Transport for TestTransport {
    fn connect(&self) -> BoxFuture<'_, Result<Link, TransportError>> {
        Box::pin(async {
            let (to_relay, from_client) = mpsc::channel(1);
            let (to_client, from_relay) = mpsc::channel(1);
            let relay = RelaySide {
                from_client,
                to_client,
            };
            let nobody = |_| TransportError::Unreachable("nobody listens".to_owned());
            self.connections.send(relay).await.map_err(nobody)?;
            let sink = sink::unfold(to_relay, |to_relay, frame| async move {
                let gone = |_| TransportError::Broken("gone".to_owned());
                to_relay.send(frame).await.map(|()| to_relay).map_err(gone)
            });
            Ok(Link {
                sink: Box::pin(sink.sink_map_err(|error| error)),
                stream: Box::pin(ReceiverStream::new(from_relay).fuse()),
            })
        })
    }
}

impl Arrivals {
    /// The next connection, as it arrives.
    pub(crate) async fn next(&mut self) -> RelaySide {
        self.0.recv().await.expect("the client connects")
    }

    /// The next connection, after an honest handshake.
    pub(crate) async fn authenticated(&mut self) -> RelaySide {
        let mut relay = self.next().await;
        relay.challenge().await;
        relay.accept().await;
        relay
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl RelaySide {
    pub(crate) async fn challenge(&mut self) {
        self.send(
            0,
            RelayBody::Challenge(wire::Challenge {
                nonce: vec![5; 32].into(),
            }),
        )
        .await;
    }

    pub(crate) async fn accept(&mut self) {
        let (id, body) = self.receive().await;
        assert!(
            matches!(body, ClientBody::Authenticate(_)),
            "the first frame authenticates"
        );
        let accepted = wire::Authenticated {
            incarnation: Bytes::from_static(&INCARNATION),
            max_frame_bytes: 256 * 1024,
            ping_interval_ms: PING_INTERVAL_MS,
        };
        self.send(id, RelayBody::Authenticated(accepted)).await;
    }

    pub(crate) async fn send(&self, request_id: u64, body: RelayBody) {
        let frame = RelayFrame {
            request_id,
            body: Some(body),
        };
        self.deliver(Ok(Incoming::Frame(frame.encode_to_vec().into())))
            .await;
    }

    pub(crate) async fn nack(&self, request_id: u64, code: &str) {
        let code = code.to_owned();
        self.send(
            request_id,
            RelayBody::Nack(wire::Nack {
                code,
                ..Default::default()
            }),
        )
        .await;
    }

    /// Gives the client whatever a connection can give.
    pub(crate) async fn deliver(&self, incoming: Result<Incoming, TransportError>) {
        // A client that has hung up already is the client's affair.
        let _ = self.to_client.send(incoming).await;
    }

    pub(crate) async fn close(&self, code: u16) {
        self.close_because(code, "").await;
    }

    pub(crate) async fn close_because(&self, code: u16, reason: &str) {
        self.deliver(Err(TransportError::Closed {
            code: Some(code),
            reason: reason.to_owned(),
        }))
        .await;
    }

    pub(crate) async fn receive(&mut self) -> (u64, ClientBody) {
        self.try_receive().await.expect("the client is connected")
    }

    /// The next frame; `None` once the client has hung up.
    pub(crate) async fn try_receive(&mut self) -> Option<(u64, ClientBody)> {
        let frame = ClientFrame::decode(self.from_client.recv().await?).unwrap();
        Some((frame.request_id, frame.body.unwrap()))
    }

    /// The next frame, which publishes.
    pub(crate) async fn receive_publish(&mut self) -> (u64, wire::Publish) {
        match self.receive().await {
            (id, ClientBody::Publish(publish)) => (id, publish),
            (_, other) => panic!("expected a Publish frame, got {other:?}"),
        }
    }

    /// Whether the client has hung up.
    pub(crate) async fn hung_up(&mut self) -> bool {
        self.from_client.recv().await.is_none()
    }
}
