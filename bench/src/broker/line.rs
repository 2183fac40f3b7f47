//! A connection to a broker. What is to be said gathers in one buffer, what was heard waits in another.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// The same as that of the load's WebSockets.
const READ_BUFFER: usize = 16 * 1024;

/// A connection.
pub struct Line {
    /// What is heard.
    pub incoming: Incoming,
    /// What is said.
    pub outgoing: Outgoing,
}

/// What is heard.
pub struct Incoming {
    half: OwnedReadHalf,
    /// What has arrived and was not taken.
    pub bytes: BytesMut,
}

/// What is said.
pub struct Outgoing {
    half: OwnedWriteHalf,
    /// What is not written yet.
    pub bytes: Vec<u8>,
}

impl Line {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .context("connecting to the broker")?;
        stream.set_nodelay(true)?;
        let (incoming, outgoing) = stream.into_split();
        Ok(Self {
            incoming: Incoming {
                half: incoming,
                bytes: BytesMut::new(),
            },
            outgoing: Outgoing {
                half: outgoing,
                bytes: Vec::new(),
            },
        })
    }
}

impl Incoming {
    /// Waits until more has arrived.
    pub async fn fill(&mut self) -> Result<()> {
        self.bytes.reserve(READ_BUFFER);
        let read = self.half.read_buf(&mut self.bytes).await?;
        ensure!(read > 0, "the broker closed the connection");
        Ok(())
    }
}

impl Outgoing {
    /// Writes everything.
    pub async fn flush(&mut self) -> Result<()> {
        if !self.bytes.is_empty() {
            self.half.write_all(&self.bytes).await?;
            self.bytes.clear();
        }
        Ok(())
    }
}
