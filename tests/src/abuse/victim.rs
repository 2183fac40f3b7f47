//! The relay that is attacked, and who is there.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sealpost_protocol::{
    limits,
    wire::{self, relay_frame::Body as Answer},
};
use tokio::sync::Mutex;

use crate::{
    bare::{ORIGIN, Pen, Person, Room, Socket},
    database::Database,
    relay::{ChildRelay, RelayOptions},
};

/// Deadlines of the relay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) head: Duration,
    pub(super) request: Duration,
    pub(super) proof: Duration,
    pub(super) write: Duration,
    pub(super) ping: Duration,
}

/// Those of the configuration's defaults, but for the two longest.
const FULL: Times = Times {
    head: Duration::from_secs(5),
    request: Duration::from_secs(10),
    proof: Duration::from_secs(5),
    write: Duration::from_secs(10),
    ping: Duration::from_secs(5),
};

/// Those of `--short`.
const SHORT: Times = Times {
    head: Duration::from_secs(1),
    request: Duration::from_secs(1),
    proof: Duration::from_secs(2),
    write: Duration::from_secs(1),
    ping: Duration::from_secs(2),
};

/// What is kept of a space's end for its readers, in bytes: little, so that it is full before anything is measured.
pub(super) const TAIL: usize = 1 << 20;
/// Entries of one space that a relay remembers something of, so that this, too, is there before anything is measured.
const REMEMBERED: usize = 4_096;
/// Sockets in all, and of one address: a fifth of the default, for a machine with a usual limit on open files.
const SOCKETS: (usize, usize) = (2_000, 52);

/// Who is there.
pub(super) struct Cast {
    /// Writes.
    pub(super) alice: Person,
    /// Reads.
    pub(super) bob: Person,
    /// Is a member too, and up to no good.
    pub(super) mallory: Person,
    /// The space of all three.
    pub(super) room: Room,
    pub(super) alices_pen: Mutex<Pen>,
    bobs_pen: Mutex<Pen>,
    mallorys_pen: Mutex<Pen>,
}

/// A member who does as an attack does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Member {
    /// Once, so that it is known what the relay takes for an honest one.
    Bob,
    /// To attack.
    Mallory,
}

/// The relay that is attacked, and who is there.
pub(super) struct Victim {
    pub(super) relay: ChildRelay,
    pub(super) cast: Arc<Cast>,
    pub(super) times: Times,
    _database: Database,
}

impl Victim {
    pub(super) async fn set_up(short: bool) -> Self {
        let database = Database::create().await;
        let times = if short { SHORT } else { FULL };
        let relay = ChildRelay::start(options(&database, &times)).await;
        let address = relay.addresses().public;
        let cast = Arc::new(Cast::meet(address).await);
        cast.write_long(address).await;
        Self {
            relay,
            cast,
            times,
            _database: database,
        }
    }
}

impl Cast {
    pub(super) fn person(&self, member: Member) -> &Person {
        match member {
            Member::Bob => &self.bob,
            Member::Mallory => &self.mallory,
        }
    }

    pub(super) fn pen(&self, member: Member) -> &Mutex<Pen> {
        match member {
            Member::Bob => &self.bobs_pen,
            Member::Mallory => &self.mallorys_pen,
        }
    }

    /// Makes the log longer than what a relay remembers of one: roots, and ids of a writer.
    async fn write_long(&self, relay: SocketAddr) {
        let mut socket = Socket::log_in(relay.ip(), relay, &self.alice).await.unwrap();
        let mut pen = self.alices_pen.lock().await;
        for _ in 0..REMEMBERED.div_ceil(limits::MAX_ENTRIES_PER_PUBLISH) {
            let mut sign = || self.room.sign(&self.alice, &mut pen, vec![0; 16].into());
            let entries = (0..limits::MAX_ENTRIES_PER_PUBLISH).map(|_| sign()).collect();
            let answer = socket.ask(self.room.publish(entries)).await.unwrap();
            let Answer::Published(wire::Published { nack: None, .. }) = answer else {
                panic!("the relay did not take a publish: {answer:?}");
            };
        }
    }

    async fn meet(relay: SocketAddr) -> Self {
        let alice = Person::register(relay, "alice").await;
        let bob = Person::register(relay, "bob").await;
        let mallory = Person::register(relay, "mallory").await;
        let mut socket = Socket::log_in(relay.ip(), relay, &alice).await.unwrap();
        let room = Room::make(&mut socket, &alice, &[&bob, &mallory]).await;
        Self {
            alice,
            bob,
            mallory,
            room,
            alices_pen: Mutex::default(),
            bobs_pen: Mutex::default(),
            mallorys_pen: Mutex::default(),
        }
    }
}

fn options(database: &Database, times: &Times) -> RelayOptions {
    let milliseconds = |time: Duration| time.as_millis().to_string();
    RelayOptions::on(database)
        // Its allocator asks for pages of 2 MiB, in which a growth of some KiB shows as nothing or as 2 MiB.
        .with("MIMALLOC_ALLOW_THP", "0")
        .with("SEALPOST__SERVER__PUBLIC_URL", ORIGIN)
        .with("SEALPOST__TELEMETRY__FILTER", "info")
        .with("SEALPOST__ACCOUNTS__REGISTRATION", "open")
        .with("SEALPOST__SERVER__HEADER_TIMEOUT_MS", &milliseconds(times.head))
        .with(
            "SEALPOST__SERVER__REQUEST_TIMEOUT_MS",
            &milliseconds(times.request),
        )
        .with("SEALPOST__SERVER__WRITE_TIMEOUT_MS", &milliseconds(times.write))
        .with(
            "SEALPOST__SOCKETS__AUTHENTICATE_WITHIN_MS",
            &milliseconds(times.proof),
        )
        .with("SEALPOST__SOCKETS__PING_INTERVAL_MS", &milliseconds(times.ping))
        .with("SEALPOST__SOCKETS__MAX_SOCKETS", &SOCKETS.0.to_string())
        .with(
            "SEALPOST__SOCKETS__MAX_SOCKETS_PER_ADDRESS",
            &SOCKETS.1.to_string(),
        )
        .with("SEALPOST__LOG__TAIL_BYTES", &TAIL.to_string())
}
