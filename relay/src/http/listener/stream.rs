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
/// It takes more only when half of it is left, and then up to 64 KiB beyond it (one segment, as it counts): that is what a
/// slow but steady peer has to take in the time of one write.
const UNSENT: u32 = 16 * 1024;

/// A TCP stream whose writes fail once the peer has taken nothing, or hardly anything, for a while. Upgrades keep it, so the place that it
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpSocket},
        time::timeout,
    };

    use super::{super::admission::Admission, *};

    /// A stream to a client with a small window, as on a thin line.
    async fn to_thin_line() -> (ClientStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpSocket::new_v4().unwrap();
        client.set_recv_buffer_size(8 * 1024).unwrap();
        SockRef::from(&client).set_tcp_mss(1_000).unwrap();
        let connecting = client.connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(connecting, listener.accept());
        let (stream, address) = accepted.unwrap();
        let permit = Arc::new(Admission::new(1, 1)).admit(address.ip(), true);
        let stream = ClientStream::new(stream, permit.unwrap(), Duration::from_secs(60));
        (stream, client.unwrap())
    }

    /// Else it counts as one that takes nothing.
    #[tokio::test]
    async fn who_takes_a_little_is_soon_written_to_again() {
        let (mut stream, mut client) = to_thin_line().await;
        let chunk = vec![0; 64 * 1024];
        let fill = async { while stream.write(&chunk).await.is_ok() {} };
        assert!(timeout(Duration::from_millis(300), fill).await.is_err());
        let mut taken = vec![0; 48 * 1024];
        let mut written = 0;
        let write_on = async {
            while let Ok(length) = stream.write(&chunk).await {
                written += length;
            }
        };
        tokio::select! {
            () = write_on => panic!("the client is there"),
            read = client.read_exact(&mut taken) => drop(read.unwrap()),
        }
        // While it took, or else now that it has: if the kernel made room in time, it may be full again.
        if written == 0 {
            let written = timeout(Duration::from_secs(10), stream.write(&chunk)).await;
            assert!(written.is_ok_and(|written| written.is_ok()));
        }
    }
}
