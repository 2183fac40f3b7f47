//! One writer, many readers: how much arrives in all, and how long after it was sent.

mod broker;
mod web_socket;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval},
};

pub use self::{
    broker::fan_out_by_broker,
    web_socket::{Medium, web_socket_audience},
};
use crate::measure::{Actor, Latencies, Measured, Meter, Times, Window};

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

/// Who takes part.
pub struct Audience<O, A, I> {
    /// Where the writer writes.
    pub outlet: O,
    /// Where it hears acks. Where there are none, it waits for none.
    pub acks: Option<A>,
    /// Where the readers hear; they are subscribed.
    pub inlets: Vec<I>,
    /// How many events there are to write.
    pub events: usize,
}

/// Where the writer writes. Events are numbered from 0, in their order.
pub trait Outlet: Send + 'static {
    /// Puts an event behind what is to be written.
    fn put(&mut self, number: u64) -> impl Future<Output = Result<()>> + Send;
    /// Writes everything.
    fn flush(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Where the writer hears acks.
pub trait AckInlet: Send + 'static {
    /// Waits, and says how many acks came. It may be none.
    fn next(&mut self) -> impl Future<Output = Result<u64>> + Send;
}

/// Where a reader hears.
pub trait Inlet: Send + 'static {
    /// Waits, and says which events came. It may be none.
    fn next(&mut self) -> impl Future<Output = Result<Range<u64>>> + Send;
}

/// Lets the writer write at a pace, and measures deliveries.
pub async fn fan_out<O: Outlet, A: AckInlet, I: Inlet>(
    audience: Audience<O, A, I>,
    pace: Pace,
    times: Times,
    actors: &[Actor],
) -> Result<Measured> {
    let shared = Arc::new(Shared::new(audience.inlets.len(), audience.events));
    let readers = audience.inlets.into_iter().map(|inlet| {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { shared.read(inlet).await })
    });
    let readers: Vec<_> = readers.collect();
    let writer = Sending {
        shared: Arc::clone(&shared),
        outlet: audience.outlet,
        is_acked: audience.acks.is_some(),
        sent: 0,
    };
    let writer = tokio::spawn(writer.run(pace));
    let acks = audience.acks.map(|acks| {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { shared.hear(acks).await })
    });

    let measured = Window::measure(&shared.meter, times, actors).await;
    shared.progress.notify_waiters();
    // Dropped later: whoever serves would take its end for the client's, and end the acks.
    let _outlet = writer.await??;
    shared.all_sent.notify_waiters();
    if let Some(acks) = acks {
        acks.abort();
        // It ends by itself only if it fails.
        if let Ok(failed) = acks.await {
            failed?;
        }
    }
    let mut latencies = Latencies::default();
    for some in try_join_all(readers).await? {
        latencies.add(&some?);
    }
    let (window, cpu) = measured?;
    if window.done == 0 {
        bail!("nothing was delivered in {:?}", window.elapsed);
    }
    Ok(Measured {
        window,
        cpu,
        latencies,
    })
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
    async fn read(&self, mut inlet: impl Inlet) -> Result<Latencies> {
        let mut latencies = Latencies::default();
        while !self.meter.is_ended() {
            let events = tokio::select! {
                events = inlet.next() => events?,
                () = self.all_sent.notified() => break,
            };
            if events.is_empty() {
                continue;
            }
            if self.meter.count(events.end - events.start) {
                events
                    .filter_map(|event| self.latency(event))
                    .for_each(|latency| latencies.record(latency));
            }
            self.progress.notify_one();
        }
        Ok(latencies)
    }

    /// Hears acks until one is a refusal, with which the measurement ends.
    async fn hear(&self, mut acks: impl AckInlet) -> Result<()> {
        loop {
            match acks.next().await {
                Ok(acked) => {
                    self.acked.fetch_add(acked, Ordering::Relaxed);
                    self.progress.notify_one();
                }
                Err(refused) => {
                    self.meter.end_early();
                    return Err(refused);
                }
            }
        }
    }
}

struct Sending<O> {
    shared: Arc<Shared>,
    outlet: O,
    is_acked: bool,
    sent: u64,
}

impl<O: Outlet> Sending<O> {
    async fn run(mut self, pace: Pace) -> Result<O> {
        match pace {
            Pace::Saturated => self.saturate().await?,
            Pace::PerSecond(rate) => self.keep_pace(rate).await?,
        }
        Ok(self.outlet)
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
                self.outlet.flush().await?;
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
            self.outlet.flush().await?;
        }
        Ok(())
    }

    fn may_send(&self) -> bool {
        let delivered = self.shared.meter.done() / self.shared.readers;
        let acked = self.shared.acked.load(Ordering::Relaxed);
        let unacked = if self.is_acked { self.sent - acked } else { 0 };
        unacked < WINDOW && self.sent - delivered.min(self.sent) < AHEAD
    }

    /// `false` if there is nothing more to send.
    async fn send(&mut self) -> Result<bool> {
        let Some(sent_at) = self.shared.sent_at.get(usize::try_from(self.sent)?) else {
            self.shared.meter.end_early();
            return Ok(false);
        };
        sent_at.store(self.shared.now(), Ordering::Relaxed);
        self.outlet.put(self.sent).await?;
        self.sent += 1;
        Ok(true)
    }
}
