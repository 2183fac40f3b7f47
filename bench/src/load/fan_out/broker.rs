//! A fan-out by a broker: one stream, to which the writer publishes and which all read.

use std::{
    mem,
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{AckInlet, Audience, Inlet, Outlet, Pace, fan_out};
use crate::{
    broker::{
        Acks, Broker, BrokerProcess, Client, Incoming, Line, NUMBER, Outgoing, Publisher, Reader, nats::Nats,
        redis::Redis,
    },
    measure::{Actor, Measured, Times},
    stage::{MESSAGE, Noise},
};

/// Connections that are opened at once.
const AT_ONCE: usize = 16;

/// Lets one writer write at most so many events to a broker, and measures what so many readers get.
pub async fn fan_out_by_broker(
    broker: &BrokerProcess,
    (readers, events): (usize, usize),
    pace: Pace,
    times: Times,
    actors: &[Actor],
) -> Result<Measured> {
    let address = broker.address();
    match broker.broker() {
        Broker::Redis => {
            let audience = audience::<Redis>(address, readers, events).await?;
            fan_out(audience, pace, times, actors).await
        }
        Broker::Nats => {
            let audience = audience::<Nats>(address, readers, events).await?;
            fan_out(audience, pace, times, actors).await
        }
    }
}

async fn audience<C: Client>(
    address: SocketAddr,
    readers: usize,
    events: usize,
) -> Result<Audience<Writing<C::Publisher>, Hearing<C::Acks>, Reading<C::Reader>>> {
    C::make_streams(address, 1).await?;
    let inlets = stream::iter(0..readers)
        .map(async |_| {
            let (line, reader) = C::reader(address).await?;
            anyhow::Ok(Reading { line, reader })
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let (line, publisher, acks) = C::writer(address, 0, &[0], MESSAGE).await?;
    let replies = Replies::default();
    let writing = Writing {
        outgoing: line.outgoing,
        publisher,
        payload: Noise::of_length(MESSAGE).next_piece().to_vec(),
        replies: replies.clone(),
    };
    let hearing = Hearing {
        incoming: line.incoming,
        acks,
        output: Vec::new(),
        replies,
    };
    Ok(Audience {
        outlet: writing,
        acks: Some(hearing),
        inlets,
        events,
    })
}

/// What the broker wants to hear from the writer: it is said with the next event.
#[derive(Clone, Default)]
struct Replies(Arc<Mutex<Vec<u8>>>);

impl Replies {
    fn add(&self, bytes: &mut Vec<u8>) {
        let mut replies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        replies.append(bytes);
    }

    fn take(&self) -> Vec<u8> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where the writer writes.
struct Writing<P> {
    outgoing: Outgoing,
    publisher: P,
    payload: Vec<u8>,
    replies: Replies,
}

impl<P: Publisher> Outlet for Writing<P> {
    async fn put(&mut self, number: u64) -> Result<()> {
        self.payload[..NUMBER].copy_from_slice(&number.to_be_bytes());
        self.publisher
            .publish(number, &self.payload, &mut self.outgoing.bytes);
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.outgoing.bytes.append(&mut self.replies.take());
        self.outgoing.flush().await
    }
}

/// Where the writer hears acks.
struct Hearing<A> {
    incoming: Incoming,
    acks: A,
    output: Vec<u8>,
    replies: Replies,
}

impl<A: Acks> AckInlet for Hearing<A> {
    async fn next(&mut self) -> Result<u64> {
        self.incoming.fill().await?;
        let mut acked = 0;
        while self
            .acks
            .take(&mut self.incoming.bytes, &mut self.output)?
            .is_some()
        {
            acked += 1;
        }
        if !self.output.is_empty() {
            self.replies.add(&mut self.output);
        }
        Ok(acked)
    }
}

/// Where a reader hears.
struct Reading<R> {
    line: Line,
    reader: R,
}

impl<R: Reader> Inlet for Reading<R> {
    async fn next(&mut self) -> Result<Range<u64>> {
        let Line { incoming, outgoing } = &mut self.line;
        incoming.fill().await?;
        let events = self.reader.take(&mut incoming.bytes, &mut outgoing.bytes)?;
        outgoing.flush().await?;
        Ok(events)
    }
}
