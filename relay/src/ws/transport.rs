//! The byte stream under one WebSocket: metered reads, queued writes.
//!
//! tungstenite parses what arrives and answers pings and closes. Data frames do not go through its write buffer, which
//! copies every byte and keeps its largest size for the life of the socket: a frame from a server is an unmasked header
//! before the payload (RFC 6455 section 5.2), so frames are queued here as buffers that sockets share.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::intake::Intake;
use super::outbox::Outbox;

/// Bytes that one system call reads. They are paid for after they were read.
const READ_AT_ONCE: usize = 4 * 1024;
/// Most bytes that wait for a client before its pings are answered no more.
const MAX_QUEUED: usize = 512 * 1024;

/// A stream `S` with its meter and its queue.
#[derive(Debug)]
pub struct Transport<S> {
    stream: S,
    intake: Intake,
    outbox: Outbox,
    /// What was read before the parser asked for it; empty at the end of the stream.
    ahead: Option<Bytes>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    /// Wraps a stream whose next bytes are WebSocket frames.
    pub fn new(stream: S, intake: Intake) -> Self {
        Self {
            stream,
            intake,
            outbox: Outbox::default(),
            ahead: None,
        }
    }

    /// Lets an authenticated client send without a limit on the total.
    pub fn lift_allowance(&mut self) {
        self.intake.lift_allowance();
    }

    /// Queues the buffers of one whole frame.
    pub fn push(&mut self, frame: impl IntoIterator<Item = Bytes>) {
        let now = Instant::now();
        for chunk in frame {
            self.outbox.push(chunk, now);
        }
    }

    /// Reads what has arrived, for the next who reads.
    ///
    /// # Errors
    /// Those of the stream, and of the client that sent more than it may.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_none() {
            let mut scratch = [MaybeUninit::uninit(); READ_AT_ONCE];
            let mut arrived = ReadBuf::uninit(&mut scratch);
            ready!(self.poll_arrived(cx, &mut arrived))?;
            self.ahead = Some(Bytes::copy_from_slice(arrived.filled()));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_arrived(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.intake.poll_ready(cx));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.intake.charge(&buffer.filled()[before..], Instant::now())?;
        Poll::Ready(Ok(()))
    }

    /// Bytes that wait to be written.
    pub fn queued(&self) -> usize {
        self.outbox.length()
    }

    /// Since when the client takes nothing though something waits.
    pub fn waiting_since(&self) -> Option<Instant> {
        self.outbox.waiting_since()
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbox.poll_drain(&mut self.stream, cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Transport<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut ahead) = self.ahead.take() else {
            return self.poll_arrived(cx, buf);
        };
        let taken = ahead.split_to(ahead.len().min(buf.remaining()));
        buf.put_slice(&taken);
        self.ahead = Some(ahead).filter(|rest| !rest.is_empty());
        Poll::Ready(Ok(()))
    }
}

/// What tungstenite writes: whole control frames of at most 131 bytes.
impl<S: AsyncWrite + Unpin> AsyncWrite for Transport<S> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // Pending without a wake-up: tungstenite keeps the frame and tries again with its next read.
        if self.outbox.length() > MAX_QUEUED {
            return Poll::Pending;
        }
        self.outbox.push(Bytes::copy_from_slice(buf), Instant::now());
        Poll::Ready(Ok(buf.len()))
    }

    /// Does nothing: the socket's task drains the queue, see [`Transport::poll_drain`].
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::ws::bucket::Rate;

    #[tokio::test]
    async fn what_was_read_ahead_comes_first_then_the_rest_then_the_end() {
        let (near, mut far) = tokio::io::duplex(100);
        let rate = Rate::new(1_000_000, 1_000_000);
        let intake = Intake::new(rate, rate, u64::MAX, Instant::now());
        let mut transport = Transport::new(near, intake);
        far.write_all(&[0x82, 0x03, 1]).await.unwrap();
        poll_fn(|cx| transport.poll_fill(cx)).await.unwrap();
        far.write_all(&[2, 3]).await.unwrap();
        drop(far);
        let mut first = [0; 2];
        transport.read_exact(&mut first).await.unwrap();
        let mut rest = Vec::new();
        transport.read_to_end(&mut rest).await.unwrap();
        assert_eq!((first, &rest[..]), ([0x82, 0x03], &[1, 2, 3][..]));
        poll_fn(|cx| transport.poll_fill(cx)).await.unwrap();
        assert_eq!(transport.read(&mut first).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_read_ahead_is_paid_for_once() {
        let (near, mut far) = tokio::io::duplex(100);
        let rate = Rate::new(1_000_000, 1_000_000);
        let mut transport = Transport::new(near, Intake::new(rate, rate, 5, Instant::now()));
        far.write_all(&[0x82, 0x03, 1, 2, 3]).await.unwrap();
        poll_fn(|cx| transport.poll_fill(cx)).await.unwrap();
        let mut frame = [0; 5];
        transport.read_exact(&mut frame).await.unwrap();
        far.write_all(&[0x82]).await.unwrap();
        let refused = poll_fn(|cx| transport.poll_fill(cx)).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::QuotaExceeded);
    }
}
