//! One writer, many readers: how much arrives in all, and how long after it was sent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use bytes::{Buf, Bytes};
use futures_util::{
    SinkExt, StreamExt,
    future::try_join_all,
    stream::{SplitSink, SplitStream},
};
use prost::Message as _;
use sealpost_protocol::wire::{self, client_frame::Body as Request, relay_frame::Body as Answer};
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    measure::{Actor, Latencies, Measured, Meter, Times, Window},
    stage::{Supply, WebSocket, frame, read, refusal},
};

/// Events that may be unacked at once.
const WINDOW: u64 = 16;
/// Events that may be sent and not yet delivered to the readers, on average: without a bound a writer that waits for no ack
/// would only measure queues.
const AHEAD: u64 = 64;

/// How fast the writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as its window lets it.
    Saturated,
    /// So many events in a second.
    PerSecond(u32),
}

/// Who takes part, and what is between them.
pub struct Audience {
    /// The writer's socket.
    pub writer: WebSocket,
    /// The readers' sockets; they are subscribed.
    pub readers: Vec<WebSocket>,
    /// What the writer sends.
    pub supply: Supply,
    /// What is between them.
    pub medium: Medium,
}

/// What is between writer and readers.
#[derive(Clone, Copy, Debug)]
pub enum Medium {
    /// The relay: publishes are acked, pages are delivered.
    Relay {
        /// The first request id that the writer may use.
        first_request: u64,
        /// The place that the first event takes.
        first_seq: u64,
    },
    /// A broadcast of whatever comes, after eight bytes with its number.
    Broadcast,
}

/// Lets the writer write at a pace, and measures deliveries. Returns what is left to send.
pub async fn fan_out(
    audience: Audience,
    pace: Pace,
    times: Times,
    actors: &[Actor],
) -> Result<(Measured, Supply)> {
    let shared = Arc::new(Shared::new(audience.readers.len(), audience.supply.len()));
    let medium = audience.medium;
    let readers = audience.readers.into_iter().map(|socket| {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { shared.read(socket, medium).await })
    });
    let readers: Vec<_> = readers.collect();
    let (sink, stream) = audience.writer.split();
    let acks = tokio::spawn(hear_acks(Arc::clone(&shared), stream));
    let writer = Sending {
        shared: Arc::clone(&shared),
        sink,
        supply: audience.supply,
        medium,
        sent: 0,
    };
    let writer = tokio::spawn(writer.run(pace));

    let measured = Window::measure(&shared.meter, times, actors).await;
    shared.progress.notify_waiters();
    let supply = writer.await??;
    shared.all_sent.notify_waiters();
    let mut latencies = Latencies::default();
    for some in try_join_all(readers).await? {
        latencies.add(&some?);
    }
    acks.abort();
    let (window, cpu) = measured?;
    if window.done == 0 {
        bail!("nothing was delivered in {:?}", window.elapsed);
    }
    let measured = Measured {
        window,
        cpu,
        latencies,
    };
    Ok((measured, supply))
}

struct Shared {
    meter: Meter,
    started: Instant,
    /// When each event was sent, in nanoseconds since the start.
    sent_at: Vec<AtomicU64>,
    readers: u64,
    acked: AtomicU64,
    /// Told of each delivery and each ack.
    progress: Notify,
    all_sent: Notify,
}

impl Shared {
    fn new(readers: usize, events: usize) -> Self {
        Self {
            meter: Meter::default(),
            started: Instant::now(),
            sent_at: (0..events).map(|_| AtomicU64::new(0)).collect(),
            readers: readers as u64,
            acked: AtomicU64::new(0),
            progress: Notify::new(),
            all_sent: Notify::new(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn latency(&self, event: u64) -> Option<Duration> {
        let sent = self.sent_at.get(usize::try_from(event).ok()?)?;
        Some(Duration::from_nanos(
            self.now().saturating_sub(sent.load(Ordering::Relaxed)),
        ))
    }

    /// Reads until the measurement has ended.
    async fn read(&self, mut socket: WebSocket, medium: Medium) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        while !self.meter.is_ended() {
            let message = tokio::select! {
                message = socket.next() => message,
                () = self.all_sent.notified() => break,
            };
            let Some((first, count)) = delivered(message, medium)? else {
                continue;
            };
            if self.meter.count(count) {
                let events = first..first + count;
                events
                    .filter_map(|event| self.latency(event))
                    .for_each(|latency| latencies.record(latency));
            }
            self.progress.notify_one();
        }
        Ok(latencies)
    }
}

/// The numbers of the events in a message, from 0: the first, and how many.
fn delivered(
    message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    medium: Medium,
) -> Result<Option<(u64, u64)>> {
    match medium {
        Medium::Relay { first_seq, .. } => match read(message)?.body {
            Some(Answer::Page(page)) => {
                let first = page
                    .first_seq
                    .checked_sub(first_seq)
                    .context("an event of before")?;
                Ok(Some((first, page.entries.len() as u64)))
            }
            Some(Answer::SubscriptionEnded(ended)) => bail!("the subscription ended: {ended:?}"),
            _ => Ok(None),
        },
        Medium::Broadcast => match message.context("the broadcast was closed")?? {
            Message::Binary(mut bytes) => Ok(Some((bytes.try_get_u64()?, 1))),
            _ => Ok(None),
        },
    }
}

async fn hear_acks(shared: Arc<Shared>, mut stream: SplitStream<WebSocket>) -> Result<()> {
    loop {
        match read(stream.next().await)?.body {
            Some(Answer::Published(wire::Published { nack: None, .. })) => {
                shared.acked.fetch_add(1, Ordering::Relaxed);
                shared.progress.notify_one();
            }
            Some(Answer::Published(wire::Published { nack: Some(nack), .. }) | Answer::Nack(nack)) => {
                // The writer waits for an ack that does not come, and the measurement ends without a delivery.
                crate::progress(&refusal(&nack));
                bail!(refusal(&nack));
            }
            _ => {}
        }
    }
}

struct Sending {
    shared: Arc<Shared>,
    sink: SplitSink<WebSocket, Message>,
    supply: Supply,
    medium: Medium,
    sent: u64,
}

impl Sending {
    async fn run(mut self, pace: Pace) -> Result<Supply> {
        match pace {
            Pace::Saturated => self.saturate().await?,
            Pace::PerSecond(rate) => self.keep_pace(rate).await?,
        }
        Ok(self.supply)
    }

    async fn saturate(&mut self) -> Result<()> {
        while !self.shared.meter.is_ended() {
            let shared = Arc::clone(&self.shared);
            let progress = shared.progress.notified();
            let before = self.sent;
            while self.may_send() {
                if !self.send().await? {
                    return Ok(());
                }
            }
            if self.sent > before {
                self.sink.flush().await?;
            }
            progress.await;
        }
        Ok(())
    }

    async fn keep_pace(&mut self, rate: u32) -> Result<()> {
        let mut ticks = interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !self.shared.meter.is_ended() {
            ticks.tick().await;
            if !self.send().await? {
                return Ok(());
            }
            self.sink.flush().await?;
        }
        Ok(())
    }

    fn may_send(&self) -> bool {
        let delivered = self.shared.meter.done() / self.shared.readers;
        let unacked = match self.medium {
            Medium::Relay { .. } => self.sent - self.shared.acked.load(Ordering::Relaxed),
            Medium::Broadcast => 0,
        };
        unacked < WINDOW && self.sent - delivered.min(self.sent) < AHEAD
    }

    /// `false` if there is nothing more to send.
    async fn send(&mut self) -> Result<bool> {
        let Some(publish) = self.supply.pop_front() else {
            self.shared.meter.end_early();
            return Ok(false);
        };
        let bytes = match self.medium {
            Medium::Relay { first_request, .. } => {
                frame(first_request + self.sent, Request::Publish(publish))
            }
            Medium::Broadcast => numbered(self.sent, &publish),
        };
        let sent_at = &self.shared.sent_at[usize::try_from(self.sent)?];
        sent_at.store(self.shared.now(), Ordering::Relaxed);
        self.sent += 1;
        self.sink.feed(Message::Binary(bytes)).await?;
        Ok(true)
    }
}

/// The event of a publish as a broadcast carries it.
fn numbered(number: u64, publish: &wire::Publish) -> Bytes {
    let mut bytes = number.to_be_bytes().to_vec();
    for entry in &publish.entries {
        bytes.extend(entry.encode_to_vec());
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcast_event_is_known_by_its_number() {
        let message = Message::Binary(numbered(7, &wire::Publish::default()));
        let delivered = delivered(Some(Ok(message)), Medium::Broadcast).unwrap();
        assert_eq!(delivered, Some((7, 1)));
    }

    #[test]
    fn page_is_known_by_its_first_place() {
        let page = wire::Page {
            first_seq: 105,
            entries: vec![wire::Entry::default(); 3],
            ..wire::Page::default()
        };
        let frame = wire::RelayFrame {
            request_id: 1,
            body: Some(Answer::Page(page)),
        };
        let medium = Medium::Relay {
            first_request: 1,
            first_seq: 100,
        };
        let message = Message::Binary(frame.encode_to_vec().into());
        assert_eq!(delivered(Some(Ok(message)), medium).unwrap(), Some((5, 3)));
    }
}
