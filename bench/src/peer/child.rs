//! A peer as a child process.

use std::{env, net::SocketAddr, process::Stdio};

use anyhow::{Context, Result};
use clap::ValueEnum;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::Peer;
use crate::measure::Actor;

/// A peer that runs; dropping it ends it.
pub struct PeerProcess {
    child: Child,
    address: SocketAddr,
    name: &'static str,
}

impl PeerProcess {
    /// Starts a peer; when this returns, it serves.
    pub async fn start(peer: Peer, database: Option<&str>) -> Result<Self> {
        let value = peer.to_possible_value().context("every peer has a name")?;
        let mut command = Command::new(env::current_exe()?);
        command.args(["peer", value.get_name()]);
        command.args(database.map(|url| ["--database", url]).into_iter().flatten());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let line = BufReader::new(output).lines().next_line().await?;
        let line = line.context("the peer ended before it served")?;
        Ok(Self {
            address: line.parse().context("the peer says where it listens")?,
            child,
            name: name_of(peer),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn actor(&self) -> Result<Actor> {
        let id = self.child.id().context("the peer has ended")?;
        Ok(Actor { name: self.name, id })
    }
}

fn name_of(peer: Peer) -> &'static str {
    match peer {
        Peer::Prototype => "prototype",
        Peer::Broadcast => "broadcast",
        Peer::Echo => "echo",
    }
}
