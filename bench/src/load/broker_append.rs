//! Writers that publish to a broker, as fast as their window lets them: the same as [`super::append()`], one message at a time.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::append::measure;
use crate::{
    broker::{Acks, Broker, BrokerProcess, Client, Line, Publisher, nats::Nats, redis::Redis},
    measure::{Actor, Latencies, Measured, Meter, Times},
    stage::{MESSAGE, Noise, rooms_of},
};

/// How much is published at once.
#[derive(Clone, Copy, Debug)]
pub struct BrokerLoad {
    /// Connections.
    pub writers: usize,
    /// Streams that they are spread over as the relay's writers are over spaces.
    pub streams: usize,
    /// Messages that may be unacked at once, by connection.
    pub window: usize,
}

/// Lets all writers publish to a broker, and measures that.
pub async fn append_to_broker(
    broker: &BrokerProcess,
    load: BrokerLoad,
    times: Times,
    actors: &[Actor],
) -> Result<Measured> {
    match broker.broker() {
        Broker::Redis => append::<Redis>(broker.address(), load, times, actors).await,
        Broker::Nats => append::<Nats>(broker.address(), load, times, actors).await,
    }
}

async fn append<C: Client>(
    address: SocketAddr,
    load: BrokerLoad,
    times: Times,
    actors: &[Actor],
) -> Result<Measured> {
    C::make_streams(address, load.streams).await?;
    let noise = Noise::of_length(MESSAGE);
    let meter = Arc::<Meter>::default();
    let mut running = Vec::new();
    for number in 0..load.writers {
        let streams = rooms_of(number, load.writers, load.streams);
        let (line, publisher, acks) = C::writer(address, number, &streams, MESSAGE).await?;
        running.push(Running {
            line,
            publisher,
            acks,
            noise: noise.clone(),
            window: load.window,
            meter: Arc::clone(&meter),
            latencies: Latencies::default(),
            sent: Vec::new(),
            in_flight: 0,
        });
    }
    let running = running.into_iter().map(|writer| tokio::spawn(writer.run()));
    let (measured, _) = measure(&meter, running.collect(), times, actors).await?;
    Ok(measured)
}

struct Running<P, A> {
    line: Line,
    publisher: P,
    acks: A,
    noise: Noise,
    window: usize,
    meter: Arc<Meter>,
    latencies: Latencies,
    /// When each publish was sent, by its number.
    sent: Vec<Instant>,
    in_flight: usize,
}

impl<P: Publisher, A: Acks> Running<P, A> {
    /// Sends until told to end, and waits for the last ack.
    async fn run(mut self) -> Result<(Latencies, ())> {
        loop {
            self.send().await?;
            if self.in_flight == 0 {
                return Ok((self.latencies, ()));
            }
            self.line.incoming.fill().await?;
            self.hear()?;
        }
    }

    /// Fills the window by one write.
    async fn send(&mut self) -> Result<()> {
        if !self.meter.is_ended() {
            let now = Instant::now();
            while self.in_flight < self.window {
                let number = self.sent.len() as u64;
                let payload = self.noise.next_piece();
                self.publisher
                    .publish(number, payload, &mut self.line.outgoing.bytes);
                self.sent.push(now);
                self.in_flight += 1;
            }
        }
        self.line.outgoing.flush().await
    }

    fn hear(&mut self) -> Result<()> {
        let (now, is_counting) = (Instant::now(), self.meter.is_counting());
        let mut acked = 0;
        let Line { incoming, outgoing } = &mut self.line;
        while let Some(number) = self.acks.take(&mut incoming.bytes, &mut outgoing.bytes)? {
            let sent = self.sent.get(usize::try_from(number)?);
            let sent = sent.context("an ack of nothing that was published")?;
            if is_counting {
                self.latencies.record(now.duration_since(*sent));
            }
            self.in_flight -= 1;
            acked += 1;
        }
        self.meter.count(acked);
        Ok(())
    }
}
