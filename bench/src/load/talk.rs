//! Honest people: writers at a steady pace, and those who read what they write. How long each event takes, to the ack and to
//! its readers, is what others cost them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use futures_util::{
    SinkExt, StreamExt,
    future::try_join_all,
    stream::{SplitSink, SplitStream},
};
use sealpost_protocol::wire::{self, client_frame::Body as Request, relay_frame::Body as Answer};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    measure::{Actor, CpuTimes, Latencies, Measured, Window},
    stage::{Supply, WebSocket, frame, read, refusal},
};

/// How long the last events of a window may take.
const LATEST: Duration = Duration::from_secs(30);
const LOOKED_EVERY: Duration = Duration::from_millis(10);

/// A space with its writer and its readers.
pub struct Circle {
    /// The writer's socket.
    pub writer: WebSocket,
    /// The first request id that the writer may use.
    pub first_request: u64,
    /// What it sends; when there is nothing more, it is silent.
    pub supply: Supply,
    /// The readers' sockets; they are subscribed.
    pub readers: Vec<WebSocket>,
    /// The place that the first event takes.
    pub first_seq: u64,
}

/// All circles, talking until this is ended.
pub struct Talk {
    shared: Arc<Shared>,
    running: Vec<JoinHandle<Result<()>>>,
}

/// What was measured in a window: how long acks took, and how long deliveries.
pub struct Heard {
    /// One for each event.
    pub acks: Measured,
    /// One for each event and reader.
    pub deliveries: Measured,
}

struct Shared {
    began: Instant,
    /// Time between two events of a writer.
    pace: Duration,
    circles: usize,
    readers: usize,
    is_over: AtomicBool,
    acks: Mutex<Vec<Sample>>,
    deliveries: Mutex<Vec<Sample>>,
}

/// One event, at the moment when it was due: a writer that is held up would hide that otherwise.
#[derive(Clone, Copy)]
struct Sample {
    due: Instant,
    took: Duration,
}

impl Talk {
    /// Lets everybody talk, each writer at so many events a second.
    #[must_use]
    pub fn begin(circles: Vec<Circle>, per_second: u32) -> Self {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            pace: Duration::from_secs(1) / per_second,
            circles: circles.len(),
            readers: circles.iter().map(|circle| circle.readers.len()).sum(),
            is_over: AtomicBool::new(false),
            acks: Mutex::default(),
            deliveries: Mutex::default(),
        });
        let mut running = Vec::new();
        for (number, circle) in circles.into_iter().enumerate() {
            let (sink, stream) = circle.writer.split();
            let (first_request, first_seq) = (circle.first_request, circle.first_seq);
            let writing = write(Arc::clone(&shared), number, sink, first_request, circle.supply);
            running.push(tokio::spawn(writing));
            let hearing = hear_acks(Arc::clone(&shared), number, stream, first_request);
            running.push(tokio::spawn(hearing));
            for reader in circle.readers {
                running.push(tokio::spawn(hear_pages(
                    Arc::clone(&shared),
                    number,
                    reader,
                    first_seq,
                )));
            }
        }
        Self { shared, running }
    }

    /// Measures what is due from now on for so long; returns when all of it has arrived.
    pub async fn listen(&mut self, time: Duration, actors: &[Actor]) -> Result<Heard> {
        let (cpu, from) = (CpuTimes::sample(actors)?, Instant::now());
        sleep(time).await;
        let (cpu, to) = (CpuTimes::sample(actors)?.since(&cpu), Instant::now());
        let due: usize = (0..self.shared.circles)
            .map(|circle| self.shared.due_between(circle, from, to))
            .sum();
        let delivered = due / self.shared.circles.max(1) * self.shared.readers;
        let latest = to + LATEST;
        loop {
            let acks = self.shared.measured(&self.shared.acks, from, to, &cpu);
            let deliveries = self.shared.measured(&self.shared.deliveries, from, to, &cpu);
            // The circles begin one after the other, so that their windows may differ by an event.
            let margin = self.shared.circles as u64 * (1 + self.shared.readers as u64);
            if acks.window.done >= due as u64 && deliveries.window.done + margin >= delivered as u64 {
                return Ok(Heard { acks, deliveries });
            }
            self.check_running().await?;
            if Instant::now() > latest {
                let (acked, delivered_now) = (acks.window.done, deliveries.window.done);
                bail!(
                    "of {due} events {acked} were acked, and of {delivered} deliveries {delivered_now} were made"
                );
            }
            sleep(LOOKED_EVERY).await;
        }
    }

    async fn check_running(&mut self) -> Result<()> {
        while let Some(place) = self.running.iter().position(JoinHandle::is_finished) {
            self.running.swap_remove(place).await??;
        }
        Ok(())
    }

    /// Ends it; fails if somebody was refused or cut off.
    pub async fn end(self) -> Result<()> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let (ended, listening): (Vec<_>, Vec<_>) =
            self.running.into_iter().partition(JoinHandle::is_finished);
        listening.iter().for_each(JoinHandle::abort);
        try_join_all(ended).await?.into_iter().collect()
    }
}

impl Shared {
    /// When an event of a circle is due; the circles take turns.
    fn due(&self, circle: usize, event: u64) -> Instant {
        let turn = self.pace.mul_f64(circle as f64 / self.circles as f64);
        self.began + turn + self.pace.mul_f64(event as f64)
    }

    fn due_between(&self, circle: usize, from: Instant, to: Instant) -> usize {
        let due = (0..).map(|event| self.due(circle, event));
        due.skip_while(|due| *due < from)
            .take_while(|due| *due < to)
            .count()
    }

    fn note(&self, samples: &Mutex<Vec<Sample>>, due: Instant) {
        let took = due.elapsed();
        let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push(Sample { due, took });
    }

    fn measured(&self, samples: &Mutex<Vec<Sample>>, from: Instant, to: Instant, cpu: &CpuTimes) -> Measured {
        let samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
        let within = samples.iter().filter(|sample| (from..to).contains(&sample.due));
        let (mut latencies, mut done) = (Latencies::default(), 0);
        for sample in within {
            latencies.record(sample.took);
            done += 1;
        }
        Measured {
            window: Window {
                done,
                elapsed: to - from,
            },
            cpu: cpu.clone(),
            latencies,
        }
    }
}

async fn write(
    shared: Arc<Shared>,
    circle: usize,
    mut sink: SplitSink<WebSocket, Message>,
    first_request: u64,
    supply: Supply,
) -> Result<()> {
    for (event, publish) in (0..).zip(supply) {
        sleep_until(shared.due(circle, event)).await;
        if shared.is_over.load(Ordering::Relaxed) {
            return Ok(());
        }
        let bytes = frame(first_request + event, Request::Publish(publish));
        sink.send(Message::Binary(bytes)).await?;
    }
    bail!("a writer has nothing more to say");
}

async fn hear_acks(
    shared: Arc<Shared>,
    circle: usize,
    mut stream: SplitStream<WebSocket>,
    first_request: u64,
) -> Result<()> {
    loop {
        let frame = read(stream.next().await)?;
        match frame.body {
            Some(Answer::Published(wire::Published { nack: None, .. })) => {
                let due = shared.due(circle, frame.request_id - first_request);
                shared.note(&shared.acks, due);
            }
            Some(Answer::Published(wire::Published { nack: Some(nack), .. }) | Answer::Nack(nack)) => {
                bail!(refusal(&nack));
            }
            _ => {}
        }
    }
}

async fn hear_pages(shared: Arc<Shared>, circle: usize, mut reader: WebSocket, first_seq: u64) -> Result<()> {
    loop {
        match read(reader.next().await)?.body {
            Some(Answer::Page(page)) => {
                let first = page.first_seq.saturating_sub(first_seq);
                for event in first..first + page.entries.len() as u64 {
                    shared.note(&shared.deliveries, shared.due(circle, event));
                }
            }
            Some(Answer::SubscriptionEnded(ended)) => bail!("the subscription ended: {ended:?}"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Shared {
        Shared {
            began: Instant::now(),
            pace: Duration::from_millis(20),
            circles: 2,
            readers: 4,
            is_over: AtomicBool::new(false),
            acks: Mutex::default(),
            deliveries: Mutex::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn circles_take_turns_at_the_pace() {
        let shared = shared();
        let due = |circle, event| (shared.due(circle, event) - shared.began).as_millis();
        assert_eq!([due(0, 0), due(1, 0), due(0, 1), due(1, 5)], [0, 10, 20, 110]);
        let (from, to) = (shared.began, shared.began + Duration::from_secs(1));
        assert_eq!(shared.due_between(0, from, to), 50);
        assert_eq!(shared.due_between(1, to, to), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn event_counts_in_the_window_in_which_it_was_due() {
        let shared = shared();
        let (early, late) = (shared.due(0, 0), shared.due(0, 10));
        tokio::time::advance(Duration::from_millis(300)).await;
        shared.note(&shared.acks, early);
        shared.note(&shared.acks, late);
        let measured = shared.measured(&shared.acks, late, Instant::now(), &CpuTimes::default());
        assert_eq!(measured.window.done, 1);
        let p50 = measured.latencies.percentiles().unwrap().p50_ms;
        assert!((99.0..101.0).contains(&p50), "{p50}");
    }
}
