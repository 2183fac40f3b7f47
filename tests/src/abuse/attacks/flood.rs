//! Sockets of a member that send as fast as they can.

use std::time::Duration;

use sealpost_protocol::wire::{self, client_frame::Body as Ask};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout_at},
};

use crate::{
    abuse::{attack::Arena, tally::Tally},
    bare::{Ear, Mouth, Opcode, Socket, encode_request, frame},
};

/// Frames in one write.
const AT_ONCE: usize = 512;
/// Of a log of a megabyte and more.
const SUBSCRIPTIONS: usize = 12;

pub(super) async fn pings(arena: Arena) -> Tally {
    again(&arena, &frame(Opcode::Ping, b"").repeat(AT_ONCE)).await
}

pub(super) async fn pongs(arena: Arena) -> Tally {
    again(&arena, &frame(Opcode::Pong, b"").repeat(AT_ONCE)).await
}

pub(super) async fn continuations(arena: Arena) -> Tally {
    let mut tally = Tally::default();
    let parts = frame(Opcode::Continuation, b"").repeat(AT_ONCE);
    while !arena.is_over() {
        let Some(mut socket) = log_in(&arena, &mut tally).await else {
            continue;
        };
        // A socket that ended shows in the tally all the same.
        let _ = socket.mouth.stream.write_all(&frame(Opcode::First, b"")).await;
        flood(&arena, socket, &parts, &mut tally).await;
    }
    tally
}

pub(super) async fn requests(arena: Arena) -> Tally {
    again(&arena, &frame(Opcode::Binary, &nothing()).repeat(AT_ONCE)).await
}

/// More of the log than the buffers of the kernel hold is asked for, and nothing is read.
pub(super) async fn never_reading(arena: Arena) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        let Some(Socket { ear, mut mouth }) = log_in(&arena, &mut tally).await else {
            continue;
        };
        tally.done += 1;
        let (start, patience) = (Instant::now(), arena.patience());
        match timeout_at(patience, ask_on(&arena, &mut mouth)).await {
            Ok(()) => tally.closed("cut", start.elapsed()),
            Err(_) => tally.overdue += 1,
        }
        drop(ear);
    }
    tally
}

/// Asks until nobody listens.
async fn ask_on(arena: &Arena, mouth: &mut Mouth) {
    for _ in 0..SUBSCRIPTIONS {
        // Whether it still listens the next request tells.
        let _ = mouth.send(arena.cast.room.subscribe()).await;
    }
    let request = frame(Opcode::Binary, &nothing());
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    while mouth.stream.write_all(&request).await.is_ok() {
        pace.tick().await;
    }
}

/// Floods, and comes back when it was closed.
async fn again(arena: &Arena, bytes: &[u8]) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        if let Some(socket) = log_in(arena, &mut tally).await {
            flood(arena, socket, bytes, &mut tally).await;
        }
    }
    tally
}

/// The member's socket; without one the tally says why.
pub(super) async fn log_in(arena: &Arena, tally: &mut Tally) -> Option<Socket> {
    let socket = Socket::log_in(arena.own_address(), arena.relay, arena.cast.person(arena.member)).await;
    socket.inspect_err(|denied| tally.denied(denied)).ok()
}

/// Writes the same frames until the relay closes or the attack is over.
pub(super) async fn flood(arena: &Arena, socket: Socket, bytes: &[u8], tally: &mut Tally) {
    let (Socket { mut ear, mut mouth }, start) = (socket, Instant::now());
    let mut done = 0;
    let writing = async {
        write(&mut mouth, bytes, &mut done).await;
        // Nobody takes it any more; the close frame is still on its way.
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        how = hear(&mut ear, tally) => Some(how),
        () = writing => None,
        () = tokio::time::sleep_until(arena.patience()) => None,
    };
    tally.done += done;
    match ended {
        Some(how) => tally.closed(how, start.elapsed()),
        None => tally.overdue += u64::from(arena.bound.within(&arena.times).is_some()),
    }
}

async fn write(mouth: &mut Mouth, bytes: &[u8], done: &mut u64) {
    while mouth.stream.write_all(bytes).await.is_ok() {
        *done += AT_ONCE as u64;
    }
}

/// Counts answers; tells how it ended.
pub(super) async fn hear(ear: &mut Ear, tally: &mut Tally) -> String {
    loop {
        if let Some(how) = tally.hear(&ear.next().await) {
            return how;
        }
    }
}

/// A request that the relay refuses by itself.
fn nothing() -> Vec<u8> {
    encode_request(1, Ask::Unsubscribe(wire::Unsubscribe { subscription: 999 }))
}
