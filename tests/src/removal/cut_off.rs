//! What somebody can still do who is being removed: ten sockets that listen, and attempts to read and write all the time.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use sealpost_protocol::{
    root::Cursor,
    wire::{self, client_frame::Body as Ask, relay_frame::Body as Answer},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval},
};

use crate::bare::{Incoming, Pen, Person, Room, Socket};

/// Time between two rounds of attempts.
const PACE: Duration = Duration::from_millis(10);

/// When a socket was closed, and with which code.
pub(super) type Closed = JoinHandle<(Instant, u16)>;

/// What came of attempts at one relay.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// The last one that the relay gave anything to.
    pub(super) last_granted: Option<Instant>,
    /// Those that it refused.
    pub(super) refused: u64,
}

/// Opens sockets, by turns at these relays, each of which reads the space.
pub(super) async fn open(
    relays: [SocketAddr; 2],
    mallory: &Person,
    room: &Room,
    sockets: usize,
) -> Vec<Closed> {
    let mut open = Vec::with_capacity(sockets);
    for relay in relays.into_iter().cycle().take(sockets) {
        let mut socket = Socket::log_in(relay.ip(), relay, mallory).await.unwrap();
        let answer = socket.ask(from_start(room)).await.unwrap();
        assert!(matches!(answer, Answer::Subscribed(_)), "{answer:?}");
        open.push(tokio::spawn(until_closed(socket)));
    }
    open
}

async fn until_closed(mut socket: Socket) -> (Instant, u16) {
    loop {
        match socket.ear.next().await {
            Incoming::Close(code, _) => return (Instant::now(), code),
            Incoming::Gone => return (Instant::now(), 0),
            _ => {}
        }
    }
}

/// Tries to read and to write until it is told to stop, and was refused once: on a loaded machine the first attempt takes its
/// time.
pub(super) async fn attempt(
    relay: SocketAddr,
    mallory: &Person,
    room: &Room,
    mut stop: watch::Receiver<bool>,
) -> Attempts {
    let mut attempts = Attempts::default();
    let (mut pace, mut pen) = (interval(PACE), Pen::default());
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop), if attempts.refused > 0 => return attempts,
            _ = pace.tick() => {}
        }
        let Ok(mut socket) = Socket::log_in(relay.ip(), relay, mallory).await else {
            continue;
        };
        let mut next = pen.clone();
        let entry = room.sign(mallory, &mut next, Bytes::from_static(&[7; 300]));
        for ask in [from_start(room), own_wrap(room), room.publish(vec![entry])] {
            let answer = socket.ask(ask).await;
            if matches!(&answer, Ok(Answer::Published(published)) if published.nack.is_none()) {
                pen = next.clone();
            }
            attempts.count(&answer.ok());
        }
    }
}

impl Attempts {
    fn count(&mut self, answer: &Option<Answer>) {
        let granted = match answer {
            Some(Answer::Published(published)) => !published.acks.is_empty(),
            Some(Answer::Subscribed(_) | Answer::FetchedWrap(_)) => true,
            _ => false,
        };
        if granted {
            self.last_granted = Some(Instant::now());
        } else {
            self.refused += 1;
        }
    }
}

fn from_start(room: &Room) -> Ask {
    let start = Cursor::start(&room.id);
    Ask::Subscribe(wire::Subscribe {
        space_id: room.id.to_bytes(),
        after_seq: start.seq,
        after_root: start.root.to_bytes(),
    })
}

fn own_wrap(room: &Room) -> Ask {
    Ask::FetchWrap(wire::FetchWrap {
        space_id: room.id.to_bytes(),
        epoch: 1,
        ..wire::FetchWrap::default()
    })
}
