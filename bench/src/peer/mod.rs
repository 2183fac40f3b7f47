//! What the relay is compared with: bare servers, each a process of its own so that its CPU time and memory are its own too.
//! Brokers that are installed stand in [`crate::broker`].

mod broadcast;
mod child;
mod echo;
mod prototype;

use std::net::SocketAddr;

use anyhow::Result;
use clap::ValueEnum;
use tokio::{io::AsyncReadExt, net::TcpListener};

pub use self::{broadcast::Role, child::PeerProcess};

/// A bare server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// Checks signatures, numbers events, commits them in groups, acks.
    Prototype,
    /// Sends what its writer sends to all its readers.
    Broadcast,
    /// Sends everything back.
    Echo,
}

/// Serves until standard input ends, which is when whoever started it does.
pub async fn serve(peer: Peer, database: Option<String>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?);
    let mut input = tokio::io::stdin();
    let mut nothing = [0; 64];
    let gone = async { while input.read(&mut nothing).await.is_ok_and(|read| read > 0) {} };
    tokio::select! {
        ended = run(peer, listener, database) => ended,
        () = gone => Ok(()),
    }
}

async fn run(peer: Peer, listener: TcpListener, database: Option<String>) -> Result<()> {
    match peer {
        Peer::Prototype => prototype::serve(listener, &database.unwrap_or_default()).await,
        Peer::Broadcast => broadcast::serve(listener).await,
        Peer::Echo => echo::serve(listener).await,
    }
}

fn announce(address: SocketAddr) {
    println!("{address}");
}
