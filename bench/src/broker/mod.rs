//! Brokers that may be installed: the real servers, private to a run, and the least of a client for each.
//!
//! They store and hand out whatever comes. They check no signature, encrypt nothing and ask nobody for a right: what those
//! cost is in the relay's numbers only.

mod event;
mod installed;
mod line;
pub mod nats;
mod process;
pub mod redis;

use std::{net::SocketAddr, ops::Range};

use anyhow::Result;
use bytes::BytesMut;

pub use self::{
    event::NUMBER,
    installed::{Brokers, Installed, Wanted},
    line::{Incoming, Line, Outgoing},
    process::BrokerProcess,
};

/// A broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// Redis Streams.
    Redis,
    /// NATS with JetStream.
    Nats,
}

impl Broker {
    /// Both, in their order.
    pub const ALL: [Self; 2] = [Self::Redis, Self::Nats];

    /// How the report calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }

    /// Its program.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Nats => "nats-server",
        }
    }

    /// How it is configured, for whoever reads its numbers.
    const fn settings(self) -> &'static str {
        match self {
            Self::Redis => "appendonly yes, appendfsync always: fsynced before the ack",
            Self::Nats => "JetStream, file storage, one replica, default sync: NOT fsynced before the ack",
        }
    }
}

/// A client of a broker, in three parts that may live in tasks of their own. Streams are known by their numbers, from 0.
pub trait Client: 'static {
    /// Writes publishes.
    type Publisher: Publisher;
    /// Reads acks.
    type Acks: Acks;
    /// Reads the first stream.
    type Reader: Reader;

    /// Makes so many streams, where they are not made by being written to.
    async fn make_streams(address: SocketAddr, count: usize) -> Result<()>;

    /// A connection of the writer with this number, who goes round these streams with payloads of one length.
    async fn writer(
        address: SocketAddr,
        writer: usize,
        streams: &[usize],
        length: usize,
    ) -> Result<(Line, Self::Publisher, Self::Acks)>;

    /// A connection that gets everything that is published to the first stream from now on.
    async fn reader(address: SocketAddr) -> Result<(Line, Self::Reader)>;
}

/// Writes publishes.
pub trait Publisher: Send + 'static {
    /// Puts a publish behind `output`. Publishes are numbered from 0, in their order.
    fn publish(&mut self, number: u64, payload: &[u8], output: &mut Vec<u8>);
}

/// Reads acks.
pub trait Acks: Send + 'static {
    /// Takes an ack out of `input` and gives the number of its publish; `None` where no whole one has arrived. What the broker
    /// wants to hear in return is put behind `output`.
    fn take(&mut self, input: &mut BytesMut, output: &mut Vec<u8>) -> Result<Option<u64>>;
}

/// Reads a stream of events that carry their numbers.
pub trait Reader: Send + 'static {
    /// Takes events out of `input` and gives their numbers; an empty range where none has arrived whole. What the broker wants
    /// to hear in return is put behind `output`.
    fn take(&mut self, input: &mut BytesMut, output: &mut Vec<u8>) -> Result<Range<u64>>;
}
