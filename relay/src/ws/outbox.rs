//! The bytes that wait to be written to one socket: whole frames, in order, as shared buffers.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;
use tokio::time::Instant;

/// Buffers given to one vectored write.
const MAX_SLICES: usize = 32;

/// A queue of buffers and how long its first one has waited.
#[derive(Debug, Default)]
pub struct Outbox {
    chunks: VecDeque<Bytes>,
    length: usize,
    waiting_since: Option<Instant>,
}

impl Outbox {
    /// Appends one buffer.
    pub fn push(&mut self, chunk: Bytes, now: Instant) {
        if chunk.is_empty() {
            return;
        }
        self.waiting_since.get_or_insert(now);
        self.length += chunk.len();
        self.chunks.push_back(chunk);
    }

    /// Bytes not yet taken by the kernel.
    pub fn length(&self) -> usize {
        self.length
    }

    /// When the kernel last took a byte while others had to wait; `None` if none wait.
    pub fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
    }

    /// Writes until nothing is left; several small frames share one system call.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn poll_drain<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.chunks.is_empty() {
            let written = ready!(self.poll_write(stream, cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        self.waiting_since = None;
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        Pin::new(stream).poll_write_vectored(cx, &slices[..count])
    }

    fn advance(&mut self, mut written: usize) {
        self.length -= written;
        self.waiting_since = Some(Instant::now());
        while let Some(first) = self.chunks.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;

    use super::*;

    fn chunks(count: u8, length: usize) -> Vec<Bytes> {
        (0..count).map(|index| vec![index; length].into()).collect()
    }

    #[tokio::test]
    async fn everything_arrives_in_order_through_a_narrow_pipe() {
        let (mut near, mut far) = tokio::io::duplex(100);
        let mut outbox = Outbox::default();
        for chunk in chunks(50, 70) {
            outbox.push(chunk, Instant::now());
        }
        assert_eq!(outbox.length(), 3500);
        let mut received = vec![0; 3500];
        let (sent, read) = tokio::join!(
            poll_fn(|cx| outbox.poll_drain(&mut near, cx)),
            far.read_exact(&mut received)
        );
        sent.unwrap();
        read.unwrap();
        assert_eq!(received, chunks(50, 70).concat());
        assert_eq!((outbox.length(), outbox.waiting_since()), (0, None));
    }

    #[tokio::test]
    async fn what_does_not_fit_stays_and_keeps_its_waiting_time() {
        let (mut near, _far) = tokio::io::duplex(10);
        let mut outbox = Outbox::default();
        let start = Instant::now();
        outbox.push(vec![1; 25].into(), start);
        let drained = poll_fn(|cx| Poll::Ready(outbox.poll_drain(&mut near, cx))).await;
        assert!(drained.is_pending());
        assert_eq!(outbox.length(), 15);
        assert!(outbox.waiting_since().is_some_and(|since| since >= start));
    }
}
