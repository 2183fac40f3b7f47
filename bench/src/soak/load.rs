//! What people do all day: publish, read along, come and go, read again from the beginning, signal, log in.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex as PlainMutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use bytes::Bytes;
use futures_util::future::try_join_all;
use sealpost_protocol::{
    root::Cursor,
    wire::{self, client_frame::Body as Ask, relay_frame::Body as Answer},
};
use tokio::{
    runtime::Handle,
    sync::Mutex,
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval},
};

use crate::{
    load::Account,
    measure::Latencies,
    stage::{Desk, Person, Room, Socket},
};

/// Bytes of a signal: somebody is writing.
const SIGNAL: usize = 64;
/// Events that a visitor reads from the beginning of a space before it goes.
const READ_AGAIN: usize = 1_000;

/// How often each kind of thing is done.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two events of a writer.
    pub publish: Duration,
    /// Between two visits of a visitor.
    pub visit: Duration,
    /// Between two signals of a signaller.
    pub signal: Duration,
    /// Between two logins.
    pub login: Duration,
}

/// What was done, and how long acks took since somebody looked.
#[derive(Debug, Default)]
pub struct Tally {
    acks: PlainMutex<Latencies>,
    /// Events acked.
    pub published: AtomicU64,
    /// Events that visitors read.
    pub replayed: AtomicU64,
    /// Events that reached those who read along.
    pub delivered: AtomicU64,
    /// Sockets that visitors opened.
    pub visits: AtomicU64,
    /// Signals taken.
    pub signals: AtomicU64,
    /// Devices that logged in and out.
    pub logins: AtomicU64,
}

impl Tally {
    /// Latencies since this was asked last.
    pub fn take_latencies(&self) -> Latencies {
        let mut acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut acks)
    }

    fn acked(&self, took: Duration) {
        let mut acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
        acks.record(took);
        add(&self.published, 1);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// Everybody, until they are sent home.
pub struct Load {
    relay: SocketAddr,
    pace: Pace,
    /// What was done so far.
    pub tally: Arc<Tally>,
    running: Vec<JoinHandle<Result<()>>>,
    /// Held while somebody is at a login, which cannot be cut short.
    logging_in: Arc<Mutex<()>>,
}

impl Load {
    /// Nobody yet.
    #[must_use]
    pub fn new(relay: SocketAddr, pace: Pace) -> Self {
        Self {
            relay,
            pace,
            tally: Arc::default(),
            running: Vec::new(),
            logging_in: Arc::default(),
        }
    }

    /// Fails if somebody gave up: nobody should.
    pub async fn check(&mut self) -> Result<()> {
        let is_over = |running: &mut JoinHandle<_>| running.is_finished();
        let ended: Vec<_> = self.running.extract_if(.., is_over).collect();
        try_join_all(ended).await?.into_iter().collect()
    }

    /// Adds somebody who writes to its spaces in turns.
    pub fn add_writer(&mut self, mut desk: Desk) {
        let (relay, pace, tally) = (self.relay, self.pace.publish, Arc::clone(&self.tally));
        self.spawn(async move {
            let mut socket = Socket::open(relay, desk.person()).await?;
            let mut ticks = interval(pace);
            loop {
                // From when it is due, not from when it is sent: a writer that is held up would hide that.
                let due = ticks.tick().await;
                socket.publish(desk.sign_next()).await?;
                tally.acked(due.elapsed());
            }
        });
    }

    /// Adds somebody who reads a space along.
    pub fn add_follower(&mut self, person: &Person, room: &Room) {
        let (relay, tally) = (self.relay, Arc::clone(&self.tally));
        let (person, subscribe) = (person.at_another_install(), room.subscribe());
        self.spawn(async move {
            let mut socket = Socket::open(relay, &person).await?;
            socket.send(subscribe).await?;
            loop {
                let count = page(&mut socket).await?;
                add(&tally.delivered, count as u64);
            }
        });
    }

    /// Adds somebody who comes, reads one of these spaces from the beginning, and goes.
    pub fn add_visitor(&mut self, person: &Person, rooms: Vec<Room>) {
        let (relay, pace, tally) = (self.relay, self.pace.visit, Arc::clone(&self.tally));
        let person = person.at_another_install();
        self.spawn(async move {
            let mut ticks = interval(pace);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for room in rooms.iter().cycle() {
                ticks.tick().await;
                let mut socket = Socket::open(relay, &person).await?;
                let read = read_again(&mut socket, room).await?;
                add(&tally.replayed, read as u64);
                add(&tally.visits, 1);
            }
            Ok(())
        });
    }

    /// Adds somebody who signals in a space.
    pub fn add_signaller(&mut self, person: &Person, room: Room) {
        let (relay, pace, tally) = (self.relay, self.pace.signal, Arc::clone(&self.tally));
        let person = person.at_another_install();
        self.spawn(async move {
            let mut socket = Socket::open(relay, &person).await?;
            let mut ticks = interval(pace);
            for counter in 1.. {
                ticks.tick().await;
                let ciphertext = Bytes::from_static(&[0; SIGNAL]);
                socket.ask(room.signal(&person, counter, ciphertext)).await?;
                add(&tally.signals, 1);
            }
            Ok(())
        });
    }

    /// Adds an account whose owner logs in on a new device again and again, and out.
    pub fn add_account(&mut self, account: Account) {
        let (pace, tally) = (self.pace.login, Arc::clone(&self.tally));
        let (account, logging_in) = (Arc::new(account), Arc::clone(&self.logging_in));
        self.spawn(async move {
            let mut ticks = interval(pace);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let (account, runtime) = (Arc::clone(&account), Handle::current());
                let held = Arc::clone(&logging_in).lock_owned().await;
                // The compiler cannot tell that this future may change threads, so it stays on one.
                let visit = spawn_blocking(move || {
                    let _held = held;
                    runtime.block_on(account.log_in_and_out())
                });
                visit.await??;
                add(&tally.logins, 1);
            }
        });
    }

    /// Sends everybody home.
    pub async fn end(mut self) -> Result<()> {
        self.check().await?;
        self.running.iter().for_each(JoinHandle::abort);
        drop(self.logging_in.lock().await);
        Ok(())
    }

    fn spawn(&mut self, work: impl Future<Output = Result<()>> + Send + 'static) {
        self.running.push(tokio::spawn(work));
    }
}

/// Reads a space from its beginning to where it ends now, or a part of it.
async fn read_again(socket: &mut Socket, room: &Room) -> Result<usize> {
    let start = Cursor::start(&room.id);
    let subscribe = wire::Subscribe {
        space_id: room.id.to_bytes(),
        after_seq: start.seq,
        after_root: start.root.to_bytes(),
    };
    let answer = socket.ask(Ask::Subscribe(subscribe)).await?;
    let Answer::Subscribed(subscribed) = answer else {
        bail!("the relay answered a subscription with {answer:?}");
    };
    let wanted = usize::try_from(subscribed.head_seq)?.min(READ_AGAIN);
    let mut read = 0;
    while read < wanted {
        read += page(socket).await?;
    }
    Ok(read)
}

/// How many entries the next page has; 0 where it was something else.
async fn page(socket: &mut Socket) -> Result<usize> {
    match socket.receive().await?.1 {
        Answer::Page(page) => Ok(page.entries.len()),
        Answer::SubscriptionEnded(ended) => bail!("the subscription ended: {ended:?}"),
        _ => Ok(0),
    }
}
