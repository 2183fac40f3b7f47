//! One WebSocket, both directions at once: a client that does not read can still be heard, up to the limits.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, Stream};
use sealpost_protocol::close::CloseCode;
use sealpost_protocol::limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::close::{Close, End};
use super::transport::Transport;

/// Time for a close frame to arrive and for the client to hang up.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
const READ_BUFFER: usize = 4 * 1024;
const MAX_WRITE_BUFFER: usize = 512 * 1024;
/// Final fragment, opcode 9, no payload (RFC 6455 section 5.2).
const PING_FRAME: &[u8] = &[0x89, 0];

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A binary message.
    Message(Bytes),
    /// A ping, which is being answered.
    Ping,
    /// A pong.
    Pong,
}

/// What happened on a link.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// Everything queued was written.
    Drained,
    /// The client sent something.
    Received(Received),
}

/// A WebSocket on the stream `S`, from the relay's side.
#[derive(Debug)]
pub struct Link<S> {
    socket: WebSocketStream<Transport<S>>,
    /// Whether the parser has nothing left to parse: then it is not asked before more has arrived, since it clears its buffer
    /// each time.
    is_starved: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// A link on a stream that was upgraded already.
    pub async fn new(transport: Transport<S>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_WRITE_BUFFER)
            .max_message_size(Some(limits::MAX_FRAME))
            .max_frame_size(Some(limits::MAX_FRAME));
        let socket = WebSocketStream::from_raw_socket(transport, Role::Server, Some(config)).await;
        Self {
            socket,
            is_starved: false,
        }
    }

    /// Lets an authenticated client send without a limit on the total.
    pub fn lift_allowance(&mut self) {
        self.socket.get_mut().lift_allowance();
    }

    /// Queues a frame of [`super::frame`].
    pub fn push(&mut self, frame: Bytes) {
        self.push_parts([frame]);
    }

    /// Queues the parts of one frame.
    pub fn push_parts(&mut self, frame: impl IntoIterator<Item = Bytes>) {
        self.socket.get_mut().push(frame);
    }

    /// Queues a ping.
    pub fn ping(&mut self) {
        self.push(Bytes::from_static(PING_FRAME));
    }

    /// Bytes that wait to be written.
    pub fn queued(&self) -> usize {
        self.socket.get_ref().queued()
    }

    /// Since when the client takes nothing though something waits.
    pub fn waiting_since(&self) -> Option<Instant> {
        self.socket.get_ref().waiting_since()
    }

    /// Writes what the stream takes now.
    ///
    /// # Errors
    /// As those of [`Self::next`].
    pub async fn write(&mut self) -> Result<(), End> {
        poll_fn(|cx| match self.queued() {
            0 => Poll::Ready(Ok(())),
            _ => match self.poll_drain(cx) {
                Poll::Ready(Err(end)) => Poll::Ready(Err(end)),
                _ => Poll::Ready(Ok(())),
            },
        })
        .await
    }

    /// Writes what is queued, reads if `read`, and tells of the first thing that happens. May be cancelled.
    ///
    /// # Errors
    /// The link's [`End`]; it is of no use afterwards but for [`Self::close`].
    pub async fn next(&mut self, read: bool) -> Result<LinkEvent, End> {
        poll_fn(|cx| self.poll_next(cx, read)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Result<LinkEvent, End>> {
        if self.queued() > 0
            && let Poll::Ready(drained) = self.poll_drain(cx)
        {
            return Poll::Ready(drained);
        }
        if !read {
            return Poll::Pending;
        }
        if let Poll::Ready(received) = self.poll_receive(cx) {
            return Poll::Ready(received.map(LinkEvent::Received));
        }
        // Reading may have queued a pong.
        if self.queued() > 0 {
            self.poll_drain(cx)
        } else {
            Poll::Pending
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<LinkEvent, End>> {
        let drained = self.socket.get_mut().poll_drain(cx);
        drained.map(|result| result.map(|()| LinkEvent::Drained).map_err(End::from))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, End>> {
        if self.is_starved {
            ready!(self.socket.get_mut().poll_fill(cx))?;
        }
        let message = Pin::new(&mut self.socket).poll_next(cx);
        self.is_starved = message.is_pending();
        let message = ready!(message);
        Poll::Ready(match message {
            Some(Ok(message)) => receive(message),
            Some(Err(error)) => Err(error.into()),
            None => Err(End::Gone),
        })
    }

    /// Ends the link: a close frame behind what is queued, then up to a second for the client to take it and hang up.
    pub async fn close(mut self, end: End) {
        // A timeout leaves only a bare TCP close, which is what a client that does not read gets.
        let _ = timeout(CLOSE_WITHIN, self.finish(end)).await;
    }

    async fn finish(&mut self, end: End) -> std::io::Result<()> {
        match end {
            End::Close(close) => self.push(close.to_frame()),
            // Queues the answer to the client's close frame, if it sent one.
            End::Gone => drop(self.socket.flush().await),
        }
        self.lift_allowance();
        let transport = self.socket.get_mut();
        poll_fn(|cx| transport.poll_drain(cx)).await?;
        transport.shutdown().await?;
        // Closing with unread bytes resets the connection, which can destroy the close frame on its way.
        let mut rest = [0; 1024];
        while transport.read(&mut rest).await? > 0 {}
        Ok(())
    }
}

fn receive(message: Message) -> Result<Received, End> {
    match message {
        Message::Binary(bytes) => Ok(Received::Message(bytes)),
        Message::Ping(_) => Ok(Received::Ping),
        Message::Pong(_) => Ok(Received::Pong),
        Message::Text(_) => Err(Close::plain(CloseCode::Unsupported).into()),
        Message::Close(_) | Message::Frame(_) => Err(End::Gone),
    }
}
