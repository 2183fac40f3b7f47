//! A client's connection: keeps its place, and ends when the client stops reading.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::admission::Permit;

/// Bytes that the kernel takes for a peer beyond what its window lets it have. On its own it takes up to 4 MiB
/// (tcp_wmem), all of which would be read and opened for somebody who may never read a byte, and would pass for taken.
const UNSENT: u32 = 128 * 1024;

/// A TCP stream whose writes fail once the peer has taken no byte for a while. Upgrades keep it, so the place that it
/// holds is free only when the socket has ended, too.
pub(super) struct ClientStream {
    stream: TcpStream,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    _permit: Permit,
}

impl ClientStream {
    pub(super) fn new(stream: TcpStream, permit: Permit, write_timeout: Duration) -> Self {
        // Without this a small frame would wait for the answer to the one before; it fails only on a dead socket.
        let _ = stream.set_nodelay(true);
        // As this does.
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        Self {
            stream,
            write_timeout,
            stalled: None,
            _permit: permit,
        }
    }

    /// Passes on what `write` did; fails when it has been waiting for too long.
    fn within_limit<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(done) = write(Pin::new(&mut self.stream), context) {
            self.stalled = None;
            return Poll::Ready(done);
        }
        let limit = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.within_limit(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.within_limit(context, |stream, context| {
            stream.poll_write_vectored(context, slices)
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.within_limit(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.within_limit(context, |stream, context| stream.poll_shutdown(context))
    }
}
