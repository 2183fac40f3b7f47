//! Sockets of nobody.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use sealpost_protocol::wire::client_frame::Body as Ask;
use tokio::time::{Instant, timeout_at};

use super::flood::hear;
use crate::{
    abuse::{attack::Arena, tally::Tally},
    bare::{Denied, Socket, random},
};

/// More than an address may have.
const TRIED: usize = 60;

pub(super) async fn made_up_proofs(arena: Arena) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        let (mut socket, nonce) = match Socket::knock(Arena::one_address(), arena.relay).await {
            Ok(knocked) => knocked,
            Err(denied) => {
                tally.denied(&denied);
                continue;
            }
        };
        tally.done += 1;
        let (start, patience) = (Instant::now(), arena.patience());
        let mut proof = arena.cast.mallory.prove(&nonce);
        proof.session_token = Bytes::copy_from_slice(&random::<32>());
        // What came of it is heard.
        let _ = socket.mouth.send(Ask::Authenticate(proof)).await;
        match timeout_at(patience, hear(&mut socket.ear, &mut tally)).await {
            Ok(how) => tally.closed(how, start.elapsed()),
            Err(_) => tally.overdue += 1,
        }
    }
    tally
}

/// All but one hold what they can; that one wants to log in, again and again.
pub(super) async fn slots(arena: Arena) -> Tally {
    match arena.number {
        0 => newcomer(&arena).await,
        _ => holder(&arena).await,
    }
}

async fn holder(arena: &Arena) -> Tally {
    let mut tally = Tally::default();
    while !arena.is_over() {
        let mut held = Vec::new();
        for _ in 0..TRIED {
            match Socket::knock(arena.own_address(), arena.relay).await {
                Ok((socket, _)) => {
                    tally.done += 1;
                    held.push(socket);
                }
                Err(denied) => {
                    tally.denied(&denied);
                    break;
                }
            }
        }
        for mut socket in held {
            // Until the relay has lost its patience, or the attack is over.
            let _ = timeout_at(arena.until, hear(&mut socket.ear, &mut tally)).await;
        }
    }
    tally
}

async fn newcomer(arena: &Arena) -> Tally {
    let mut tally = Tally::default();
    let address = IpAddr::from(Ipv4Addr::new(127, 0, 3, 1));
    // The others need a moment to take what they can get.
    tokio::time::sleep_until(Instant::now() + arena.times.proof / 10).await;
    while !arena.is_over() {
        match Socket::log_in(address, arena.relay, &arena.cast.bob).await {
            Ok(_) => tally.answer("newcomer in"),
            Err(Denied::Status(503)) => tally.answer("newcomer refused"),
            Err(denied) => tally.denied(&denied),
        }
    }
    tally
}
