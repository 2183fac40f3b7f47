//! Writers that publish what they have signed ahead, as fast as their window lets them.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Result, bail};
use futures_util::{FutureExt, SinkExt, StreamExt, future::try_join_all};
use sealpost_protocol::wire::{self, client_frame::Body as Request, relay_frame::Body as Answer};
use tokio::{task::JoinHandle, time::Instant};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    measure::{Actor, Latencies, Measured, Meter, Times, Window},
    stage::{Desk, Socket, Supply, WebSocket, frame, read, refusal},
};

/// How many events a core can check in a second, at most: so many are signed ahead for each second of a run.
const CHECKED_BY_A_CORE: usize = 22_000;

/// Events that each of so many writers has to have signed before a run.
#[must_use]
pub fn ahead(times: Times, writers: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let events = times.whole().as_secs_f64() * (cores * CHECKED_BY_A_CORE) as f64;
    (events / writers as f64).ceil() as usize
}

/// One writer behind an open socket.
pub struct Writer {
    /// Its socket.
    pub socket: WebSocket,
    /// The first request id that it may use.
    pub first_request: u64,
    /// What it sends.
    pub supply: Supply,
    /// Events that may be unacked at once.
    pub window: usize,
    /// What an event counts for.
    pub messages_per_event: u64,
}

/// Lets all writers publish, and measures that. Returns what each has left, in their order.
pub async fn append(writers: Vec<Writer>, times: Times, actors: &[Actor]) -> Result<(Measured, Vec<Supply>)> {
    let meter = Arc::<Meter>::default();
    let running = writers.into_iter().map(|writer| {
        let running = Running::new(writer, Arc::clone(&meter));
        tokio::spawn(running.run())
    });
    let running = running.collect();
    measure(&meter, running, times, actors).await
}

/// Measures writers that run already, and tells them to end. Returns what each gave, in their order.
pub(super) async fn measure<Left>(
    meter: &Meter,
    running: Vec<JoinHandle<Result<(Latencies, Left)>>>,
    times: Times,
    actors: &[Actor],
) -> Result<(Measured, Vec<Left>)> {
    let (window, cpu) = Window::measure(meter, times, actors).await?;
    let mut latencies = Latencies::default();
    let mut left = Vec::new();
    for ended in try_join_all(running).await? {
        let (some, rest) = ended?;
        latencies.add(&some);
        left.push(rest);
    }
    if window.done == 0 {
        bail!("nothing was acked in {:?}", window.elapsed);
    }
    let measured = Measured {
        window,
        cpu,
        latencies,
    };
    Ok((measured, left))
}

/// Lets writers publish at a relay, each through a socket of its own, and measures that. What they have left they
/// keep.
pub async fn publish(
    relay: SocketAddr,
    desks: &mut [Desk],
    window: usize,
    messages_per_event: u64,
    times: Times,
    actors: &[Actor],
) -> Result<Measured> {
    let mut writers = Vec::new();
    for desk in desks.iter_mut() {
        let socket = Socket::open(relay, desk.person()).await?;
        writers.push(Writer {
            first_request: socket.next_request(),
            socket: socket.stream,
            supply: desk.take(),
            window,
            messages_per_event,
        });
    }
    let (measured, left) = append(writers, times, actors).await?;
    for (desk, left) in desks.iter_mut().zip(left) {
        desk.put_back(left);
    }
    Ok(measured)
}

struct Running {
    writer: Writer,
    meter: Arc<Meter>,
    latencies: Latencies,
    /// When each request was sent, by its place behind the first.
    sent: Vec<Instant>,
    in_flight: usize,
}

impl Running {
    fn new(writer: Writer, meter: Arc<Meter>) -> Self {
        Self {
            writer,
            meter,
            latencies: Latencies::default(),
            sent: Vec::new(),
            in_flight: 0,
        }
    }

    /// Sends until told to end, or until there is nothing more, and waits for the last ack.
    async fn run(mut self) -> Result<(Latencies, Supply)> {
        loop {
            self.send().await?;
            if self.in_flight == 0 {
                return Ok((self.latencies, self.writer.supply));
            }
            let message = self.writer.socket.next().await;
            self.hear(read(message)?)?;
            // What has arrived with it makes room too, so that several publishes share a write.
            while let Some(message) = self.writer.socket.next().now_or_never() {
                self.hear(read(message)?)?;
            }
        }
    }

    async fn send(&mut self) -> Result<()> {
        let before = self.sent.len();
        while self.in_flight < self.writer.window && !self.meter.is_ended() {
            let Some(publish) = self.writer.supply.pop_front() else {
                self.meter.end_early();
                break;
            };
            let request_id = self.writer.first_request + self.sent.len() as u64;
            let message = Message::Binary(frame(request_id, Request::Publish(publish)));
            self.sent.push(Instant::now());
            self.in_flight += 1;
            self.writer.socket.feed(message).await?;
        }
        if self.sent.len() > before {
            self.writer.socket.flush().await?;
        }
        Ok(())
    }

    fn hear(&mut self, frame: wire::RelayFrame) -> Result<()> {
        match frame.body {
            Some(Answer::Published(wire::Published { nack: None, .. })) => {
                let place = usize::try_from(frame.request_id - self.writer.first_request)?;
                self.in_flight -= 1;
                if self.meter.count(self.writer.messages_per_event) {
                    self.latencies.record(self.sent[place].elapsed());
                }
            }
            Some(Answer::Published(wire::Published { nack: Some(nack), .. }) | Answer::Nack(nack)) => {
                bail!(refusal(&nack));
            }
            // Notices and pings.
            _ => {}
        }
        Ok(())
    }
}
