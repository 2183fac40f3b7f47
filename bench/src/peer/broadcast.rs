//! A bare broadcast over WebSockets: shared bytes, one task per socket, flushed when nothing more waits.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast::{self, error::TryRecvError},
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

/// Messages that a reader may be behind. Its writer is never that far ahead of it.
const QUEUE: usize = 4096;

/// What a client is; its first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends.
    Writer,
    /// Gets everything from then on, after an empty message that says so.
    Reader,
}

impl Role {
    /// As a message.
    #[must_use]
    pub fn message(self) -> Message {
        Message::Binary(Bytes::from_static(match self {
            Self::Writer => b"w",
            Self::Reader => b"r",
        }))
    }

    fn parse(message: &Message) -> Option<Self> {
        [Self::Writer, Self::Reader]
            .into_iter()
            .find(|role| role.message() == *message)
    }
}

/// Serves for ever.
pub async fn serve(listener: TcpListener) -> Result<()> {
    let (sender, _) = broadcast::channel(QUEUE);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(converse(stream, sender.clone()));
    }
}

async fn converse(stream: TcpStream, sender: broadcast::Sender<Bytes>) -> Result<()> {
    let mut socket = accept_async(stream).await?;
    let first = socket.next().await.context("the client left")??;
    match Role::parse(&first).context("the client is neither writer nor reader")? {
        Role::Writer => take(socket, &sender).await,
        Role::Reader => {
            let receiver = sender.subscribe();
            socket.send(Message::Binary(Bytes::new())).await?;
            give(socket, receiver).await
        }
    }
}

async fn take(mut socket: WebSocketStream<TcpStream>, sender: &broadcast::Sender<Bytes>) -> Result<()> {
    while let Some(message) = socket.next().await {
        if let Message::Binary(bytes) = message? {
            // Nobody may be there.
            let _ = sender.send(bytes);
        }
    }
    Ok(())
}

async fn give(mut socket: WebSocketStream<TcpStream>, mut queue: broadcast::Receiver<Bytes>) -> Result<()> {
    loop {
        let first = tokio::select! {
            bytes = queue.recv() => bytes?,
            message = socket.next() => match message {
                Some(Ok(_)) => continue,
                _ => return Ok(()),
            },
        };
        socket.feed(Message::Binary(first)).await?;
        loop {
            match queue.try_recv() {
                Ok(bytes) => socket.feed(Message::Binary(bytes)).await?,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                Err(TryRecvError::Lagged(_)) => bail!("the reader is too far behind"),
            }
        }
        socket.flush().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_is_told_by_the_first_message() {
        for role in [Role::Writer, Role::Reader] {
            assert_eq!(Role::parse(&role.message()), Some(role));
        }
        assert_eq!(Role::parse(&Message::Binary(Bytes::new())), None);
    }
}
