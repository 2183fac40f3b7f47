//! Clients that cost without giving: readers that hardly read, and sockets that only ping. They run on threads of low priority, for it
//! is the relay's work for them that is to be measured, not theirs.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::Result;
use sealpost_protocol::wire::client_frame::Body as Ask;
use sealpost_tests::bare::{self, Denied, Opcode, Person};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

const THREADS: usize = 2;
/// Bytes that a slow reader takes off its socket in a second.
const TAKEN: usize = 1024;
/// A relay lets go of who takes next to nothing for ten seconds, and its end stays behind what was not read: so this long after
/// its beginning a slow reader comes back in any case.
const STAYS: Duration = Duration::from_secs(15);
/// Before who was turned away or closed comes back.
const PAUSE: Duration = Duration::from_millis(200);
/// Frames in one write of a flooder.
const PINGS: usize = 512;

/// One of them: who it is, and the address that it comes from.
#[derive(Clone)]
pub struct Stranger {
    /// With an install of its own.
    pub person: Person,
    /// Limits of the relay count by address.
    pub from: IpAddr,
}

/// Everybody, until this is dropped.
pub struct Crowd(Option<Runtime>);

impl Crowd {
    /// The threads, with nobody on them.
    pub fn gather() -> Result<Self> {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        threads
            .worker_threads(THREADS)
            .thread_name("crowd")
            .on_thread_start(|| {
                // At the usual priority they would only be harder to bear.
                let _ = rustix::process::nice(15);
            });
        Ok(Self(Some(threads.enable_all().build()?)))
    }

    /// Adds somebody who subscribes and reads a KiB a second. However a visit ends, the relay's gauge says how many are there.
    /// Its first visit lasts this part of the others, so that not all come back at one moment.
    pub fn add_slow_reader(&self, relay: SocketAddr, stranger: Stranger, subscribe: Ask, first: f64) {
        self.spawn(async move {
            let _ = read_slowly(relay, &stranger, subscribe.clone(), STAYS.mul_f64(first)).await;
            loop {
                sleep(PAUSE).await;
                let _ = read_slowly(relay, &stranger, subscribe.clone(), STAYS).await;
            }
        });
    }

    /// Adds somebody who sends nothing but pings.
    pub fn add_flooder(&self, relay: SocketAddr, stranger: Stranger) {
        self.spawn(async move {
            loop {
                let _ = flood(relay, &stranger).await;
                sleep(PAUSE).await;
            }
        });
    }

    fn spawn(&self, visits: impl Future<Output = ()> + Send + 'static) {
        if let Some(threads) = &self.0 {
            threads.spawn(visits);
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed where tasks run.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

async fn read_slowly(
    relay: SocketAddr,
    stranger: &Stranger,
    subscribe: Ask,
    stays: Duration,
) -> Result<(), Denied> {
    let mut socket = bare::Socket::log_in(stranger.from, relay, &stranger.person).await?;
    socket.mouth.send(subscribe).await?;
    let leaves = Instant::now() + stays;
    // Not through the buffer, which would take more than is read.
    let mut stream = socket.ear.0.into_inner();
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut bytes = [0; TAKEN];
    while Instant::now() < leaves {
        second.tick().await;
        stream.read_exact(&mut bytes).await?;
    }
    Ok(())
}

async fn flood(relay: SocketAddr, stranger: &Stranger) -> Result<(), Denied> {
    let mut socket = bare::Socket::log_in(stranger.from, relay, &stranger.person).await?;
    let pings = bare::frame(Opcode::Ping, b"").repeat(PINGS);
    loop {
        let written: io::Result<()> = socket.mouth.stream.write_all(&pings).await;
        written?;
    }
}
