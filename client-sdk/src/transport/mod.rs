//! How frames travel: whole binary messages over one connection at a time.
//!
//! The engine above knows this trait only. [`WebSocketTransport`] is the real one; a test may put a hostile relay in its
//! place, because nothing that comes out of a transport is trusted.

mod websocket;

pub use websocket::WebSocketTransport;

use std::pin::Pin;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Sink, Stream};

/// Opens connections to one relay.
pub trait Transport: Send + Sync + 'static {
    /// Opens a connection; the socket's protocol has not begun on it.
    fn connect(&self) -> BoxFuture<'_, Result<Link, TransportError>>;
}

/// One open connection. Dropping both halves closes it.
pub struct Link {
    /// Takes whole messages.
    pub sink: LinkSink,
    /// Gives whole messages; after an error it ends.
    pub stream: LinkStream,
}

/// The half of a link that writes.
pub type LinkSink = Pin<Box<dyn Sink<Bytes, Error = TransportError> + Send>>;

/// The half of a link that reads.
pub type LinkStream = Pin<Box<dyn Stream<Item = Result<Incoming, TransportError>> + Send>>;

/// What comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole binary message.
    Frame(Bytes),
    /// A sign of life that carries nothing: a ping or a pong.
    Alive,
}

/// Why there is no connection, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The relay could not be reached.
    #[error("the relay cannot be reached: {0}")]
    Unreachable(String),
    /// What answers is no relay that speaks this protocol, or a gateway before it refuses.
    #[error("the relay does not open a socket: {0}")]
    Refused(String),
    /// The connection was closed.
    #[error("the relay closed the connection{}", closing_words(*code, reason))]
    Closed {
        /// The WebSocket close code, where one was sent.
        code: Option<u16>,
        /// The reason sent with it.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

fn closing_words(code: Option<u16>, reason: &str) -> String {
    match (code, reason) {
        (None, _) => String::new(),
        (Some(code), "") => format!(" ({code})"),
        (Some(code), reason) => format!(" ({code}: {reason})"),
    }
}
