//! Alice writes, Bob reads, a hundred times a second; how long each message takes is what the others' abuse costs them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use sealpost_protocol::wire::{self, client_frame::Body as Ask, entry::Kind, relay_frame::Body as Answer};
use tokio::{
    io::AsyncWriteExt,
    sync::watch,
    task::JoinHandle,
    time::{self, Instant},
};

use super::victim::{Cast, TAIL, Victim};
use crate::bare::{Ear, Incoming, Mouth, Opcode, Socket, frame};

/// Time between two messages.
const PACE: Duration = Duration::from_millis(10);
/// How long the last ones may take.
const LATEST: Duration = Duration::from_secs(20);
/// Tells a message of Alice's from those of others.
const MARK: &[u8; 8] = b"honestly";
/// What fills the relay's memory of the space's end.
const FILLER: usize = 1024;
/// Of these in one request.
const FILLERS: usize = 64;

/// Alice and Bob, talking.
pub(super) struct Exchange {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    writing: JoinHandle<Mouth>,
    hearing: JoinHandle<u64>,
    reading: JoinHandle<()>,
}

struct Shared {
    began: Instant,
    published: AtomicU64,
    delivered: watch::Sender<u64>,
    disordered: AtomicU64,
    samples: Mutex<Vec<Sample>>,
}

#[derive(Clone, Copy)]
struct Sample {
    /// When it was due, since the beginning. Not when it was sent: a writer that is held up would hide that.
    due: Duration,
    latency: Duration,
}

/// Latencies of a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// How many messages.
    pub messages: usize,
    /// Half of them took at most this.
    pub p50: Duration,
    /// 99 in 100 did.
    pub p99: Duration,
}

/// What became of the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Honest {
    /// Messages that Alice sent.
    pub published: u64,
    /// Messages that Bob got.
    pub delivered: u64,
    /// Messages that came twice or out of order.
    pub disordered: u64,
    /// Requests of Alice's that were refused.
    pub refused: u64,
}

impl Honest {
    /// Whether everything came, once and in order.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.published == self.delivered && self.disordered == 0 && self.refused == 0
    }
}

impl Exchange {
    pub(super) async fn begin(victim: &Victim) -> Self {
        let relay = victim.relay.addresses().public;
        let mut alice = Socket::log_in(relay.ip(), relay, &victim.cast.alice)
            .await
            .unwrap();
        let after = fill(&mut alice, &victim.cast, 1).await;
        let mut bob = Socket::log_in(relay.ip(), relay, &victim.cast.bob).await.unwrap();
        let subscribed = bob.ask(Ask::Subscribe(after)).await.unwrap();
        assert!(matches!(subscribed, Answer::Subscribed(_)), "{subscribed:?}");
        let shared = Arc::new(Shared {
            began: Instant::now(),
            published: AtomicU64::new(0),
            delivered: watch::Sender::new(0),
            disordered: AtomicU64::new(0),
            samples: Mutex::default(),
        });
        let reading = tokio::spawn(read(bob, shared.clone()));
        // Only now that somebody reads is anything kept in memory.
        fill(&mut alice, &victim.cast, (TAIL / FILLER).div_ceil(FILLERS)).await;
        let (stop, stopped) = watch::channel(false);
        let write = write(alice.mouth, victim.cast.clone(), shared.clone(), stopped);
        Self {
            writing: tokio::spawn(write),
            hearing: tokio::spawn(hear(alice.ear)),
            reading,
            stop,
            shared,
        }
    }

    /// Waits so long, and until all that was sent in that time has come; tells how long it took.
    pub(super) async fn listen(&self, time: Duration) -> Window {
        let start = self.shared.began.elapsed();
        time::sleep(time).await;
        let end = self.shared.began.elapsed();
        self.shared.all_delivered().await;
        let samples = self.shared.samples.lock().unwrap();
        let within = samples.iter().filter(|sample| (start..end).contains(&sample.due));
        Window::of(within.map(|sample| sample.latency).collect())
    }

    /// Ends it; nothing of it is left on its way.
    pub(super) async fn end(self) -> Honest {
        self.stop.send_replace(true);
        let mouth = self.writing.await.unwrap();
        self.shared.all_delivered().await;
        drop(mouth);
        let refused = self.hearing.await.unwrap();
        self.reading.abort();
        Honest {
            published: self.shared.published.load(Ordering::Relaxed),
            delivered: *self.shared.delivered.borrow(),
            disordered: self.shared.disordered.load(Ordering::Relaxed),
            refused,
        }
    }
}

impl Shared {
    async fn all_delivered(&self) {
        let published = self.published.load(Ordering::Relaxed);
        let mut delivered = self.delivered.subscribe();
        // What is late beyond that shows as lost.
        let _ = time::timeout(LATEST, delivered.wait_for(|count| *count >= published)).await;
    }
}

impl Window {
    fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        let at = |percent: usize| {
            let place = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
            latencies.get(place).copied().unwrap_or_default()
        };
        Self {
            messages: latencies.len(),
            p50: at(50),
            p99: at(99),
        }
    }
}

/// Publishes fillers, so that what the relay keeps in memory of the space is full; gives what to subscribe to from there.
async fn fill(alice: &mut Socket, cast: &Cast, rounds: usize) -> wire::Subscribe {
    let mut pen = cast.alices_pen.lock().await;
    let mut last = None;
    for _ in 0..rounds {
        let mut sign = || cast.room.sign(&cast.alice, &mut pen, vec![0; FILLER].into());
        let entries = (0..FILLERS).map(|_| sign()).collect();
        let answer = alice.ask(cast.room.publish(entries)).await.unwrap();
        let Answer::Published(wire::Published { acks, nack: None }) = answer else {
            panic!("the relay did not take a publish: {answer:?}");
        };
        last = acks.into_iter().last();
    }
    let last = last.expect("something was published");
    wire::Subscribe {
        space_id: cast.room.id.to_bytes(),
        after_seq: last.seq,
        after_root: last.root,
    }
}

async fn write(
    mut alice: Mouth,
    cast: Arc<Cast>,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) -> Mouth {
    let mut pen = cast.alices_pen.lock().await;
    // Ticks that were missed are made up for: a held up writer has as much to say.
    let mut pace = time::interval(PACE);
    while !*stopped.borrow() {
        let due = pace.tick().await - shared.began;
        let micros = u64::try_from(due.as_micros()).expect("a proof ends in our time");
        let text = [&MARK[..], &micros.to_be_bytes(), &[0; 240]].concat();
        let entry = cast.room.sign(&cast.alice, &mut pen, Bytes::from(text));
        shared.published.fetch_add(1, Ordering::Relaxed);
        if alice.send(cast.room.publish(vec![entry])).await.is_err() {
            break;
        }
    }
    alice
}

/// Counts refusals until the relay has hung up.
async fn hear(mut alice: Ear) -> u64 {
    let mut refused = 0;
    loop {
        match alice.next().await {
            Incoming::Frame(frame) => {
                let acked = matches!(
                    frame.body,
                    Some(Answer::Published(wire::Published { nack: None, .. }))
                );
                refused += u64::from(!acked);
            }
            Incoming::Ping | Incoming::Pong => {}
            Incoming::Close(..) | Incoming::Gone => return refused,
        }
    }
}

async fn read(mut bob: Socket, shared: Arc<Shared>) {
    let mut last = None;
    loop {
        match bob.ear.next().await {
            Incoming::Frame(frame) => {
                let Some(Answer::Page(page)) = frame.body else {
                    continue;
                };
                let now = shared.began.elapsed();
                for due in page.entries.iter().filter_map(due) {
                    let disordered = u64::from(last >= Some(due));
                    shared.disordered.fetch_add(disordered, Ordering::Relaxed);
                    last = Some(due);
                    let latency = now.saturating_sub(due);
                    shared.samples.lock().unwrap().push(Sample { due, latency });
                    shared.delivered.send_modify(|count| *count += 1);
                }
            }
            Incoming::Ping => {
                // A relay that is gone shows as messages that do not come.
                let _ = bob.mouth.stream.write_all(&frame(Opcode::Pong, b"")).await;
            }
            Incoming::Pong => {}
            Incoming::Close(..) | Incoming::Gone => return,
        }
    }
}

fn due(entry: &wire::Entry) -> Option<Duration> {
    let Some(Kind::Event(event)) = &entry.kind else {
        return None;
    };
    let stamp = event.ciphertext.strip_prefix(MARK)?.first_chunk()?;
    Some(Duration::from_micros(u64::from_be_bytes(*stamp)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_counted() {
        let window = Window::of((1..=200).map(Duration::from_millis).collect());
        assert_eq!((window.p50.as_millis(), window.p99.as_millis()), (100, 198));
        assert_eq!(Window::of(Vec::new()).p99, Duration::ZERO);
    }
}
