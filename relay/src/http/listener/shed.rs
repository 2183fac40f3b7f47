//! Tells a client that there is no place.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::admission::Refusal;

/// The whole answer. Nothing was read, so nothing of the request can be in it.
const ANSWER: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// How long telling may take.
const LIMIT: Duration = Duration::from_secs(1);

/// Answers 503 and closes.
pub(super) async fn refuse(stream: TcpStream, _place: Refusal) {
    // It is only a courtesy: whether it arrives is the client's affair.
    let _ = timeout(LIMIT, tell(stream)).await;
}

/// Closing with unread bytes would reset the connection and could take the answer with it, so they are read away.
async fn tell(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
