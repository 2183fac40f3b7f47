//! Connections that take their time.

use std::time::Duration;

use sealpost_protocol::limits;
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, interval, timeout_at},
};

use super::flood::{hear, log_in};
use crate::{
    abuse::{attack::Arena, tally::Tally},
    bare::{Opcode, Socket, frame_head},
};

pub(super) async fn silent(arena: Arena) -> Tally {
    plain(arena, b"").await
}

pub(super) async fn head(arena: Arena) -> Tally {
    plain(arena, b"GET /v1/sessions HTTP/1.1\r\nX-Slow: ").await
}

pub(super) async fn body(arena: Arena) -> Tally {
    let head = b"POST /v1/login/start HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n\
        Content-Length: 1000\r\n\r\n";
    plain(arena, head).await
}

pub(super) async fn half_handshake(arena: Arena) -> Tally {
    stranger(arena, &[]).await
}

pub(super) async fn proof(arena: Arena) -> Tally {
    stranger(arena, &frame_head(Opcode::Binary as u8, 200)).await
}

pub(super) async fn frame(arena: Arena) -> Tally {
    member(
        arena,
        &frame_head(Opcode::Binary as u8, limits::MAX_FRAME as u64),
        true,
    )
    .await
}

pub(super) async fn no_pongs(arena: Arena) -> Tally {
    member(arena, &[], false).await
}

/// A connection that sends the beginning at once and the rest drop by drop; where there is no beginning, nothing at all.
async fn plain(arena: Arena, beginning: &[u8]) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        let stream = match Socket::dial(arena.own_address(), arena.relay).await {
            Ok(stream) => stream,
            Err(error) => {
                tally.denied(&error.into());
                return tally;
            }
        };
        tally.done += 1;
        let (start, patience) = (Instant::now(), arena.patience());
        match timeout_at(patience, linger(stream, beginning)).await {
            Ok(how) => tally.closed(how, start.elapsed()),
            Err(_) => tally.overdue += 1,
        }
    }
    tally
}

/// Until the relay has hung up; gives the status if it said one.
async fn linger(stream: TcpStream, beginning: &[u8]) -> String {
    let (mut reader, mut writer) = stream.into_split();
    let mut answer = Vec::new();
    // How the reader ends says all there is to say.
    let _ = writer.write_all(beginning).await;
    tokio::select! {
        _ = reader.read_to_end(&mut answer) => {}
        () = drip(&mut writer, !beginning.is_empty()) => {}
    }
    match answer.get(9..12) {
        Some(status) => format!("status {}", String::from_utf8_lossy(status)),
        None => "cut".to_owned(),
    }
}

/// Never ends: a relay that has hung up is noticed by who reads.
async fn drip(writer: &mut (impl AsyncWrite + Unpin), at_all: bool) {
    let mut second = interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        if at_all {
            let _ = writer.write_all(b"x").await;
        }
    }
}

/// A socket that proves nothing.
async fn stranger(arena: Arena, beginning: &[u8]) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        match Socket::knock(arena.own_address(), arena.relay).await {
            Ok((socket, _)) => wait(&arena, socket, beginning, !beginning.is_empty(), &mut tally).await,
            Err(denied) => {
                tally.denied(&denied);
                return tally;
            }
        }
    }
    tally
}

async fn member(arena: Arena, beginning: &[u8], drips: bool) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        let Some(socket) = log_in(&arena, &mut tally).await else {
            continue;
        };
        wait(&arena, socket, beginning, drips, &mut tally).await;
    }
    tally
}

async fn wait(arena: &Arena, socket: Socket, beginning: &[u8], drips: bool, tally: &mut Tally) {
    let Socket { mut ear, mut mouth } = socket;
    tally.done += 1;
    let (start, patience) = (Instant::now(), arena.patience());
    let _ = mouth.stream.write_all(beginning).await;
    let ended = tokio::select! {
        how = hear(&mut ear, tally) => Some(how),
        () = drip(&mut mouth.stream, drips) => None,
        () = tokio::time::sleep_until(patience) => None,
    };
    match ended {
        Some(how) => tally.closed(how, start.elapsed()),
        None => tally.overdue += u64::from(arena.bound.within(&arena.times).is_some()),
    }
}
