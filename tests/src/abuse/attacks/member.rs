//! What a member does to the space of the honest.

use bytes::Bytes;
use sealpost_protocol::{
    limits,
    wire::{self, client_frame::Body as Ask, entry::Kind, relay_frame::Body as Answer},
};

use super::flood::{flood, log_in};
use crate::{
    abuse::{attack::Arena, tally::Tally},
    bare::{Opcode, Pen, encode_request, frame, random},
};

/// Frames in one write of [`flood`].
const AT_ONCE: usize = 512;
/// Entries in one publish.
const ENTRIES: usize = 64;

/// Subscribes and unsubscribes by turns.
pub(super) async fn churn(arena: Arena) -> Tally {
    let subscribe = encode_request(7, arena.cast.room.subscribe());
    let unsubscribe = encode_request(8, Ask::Unsubscribe(wire::Unsubscribe { subscription: 7 }));
    let both = [
        frame(Opcode::Binary, &subscribe),
        frame(Opcode::Binary, &unsubscribe),
    ]
    .concat();
    same_again(&arena, &both.repeat(AT_ONCE / 2)).await
}

pub(super) async fn look_ups(arena: Arena) -> Tally {
    let fetch = Ask::FetchWrap(wire::FetchWrap {
        space_id: arena.cast.room.id.to_bytes(),
        epoch: 1,
        ..wire::FetchWrap::default()
    });
    same_again(
        &arena,
        &frame(Opcode::Binary, &encode_request(7, fetch)).repeat(AT_ONCE),
    )
    .await
}

pub(super) async fn staged_wraps(arena: Arena) -> Tally {
    let wraps = (0..8).map(|_| wire::Wrap {
        recipient: Bytes::copy_from_slice(&random::<32>()),
        sealed: Bytes::copy_from_slice(&random::<{ limits::WRAP }>()),
    });
    let stage = Ask::StageWraps(wire::StageWraps {
        space_id: arena.cast.room.id.to_bytes(),
        epoch: 2,
        key_id: Bytes::copy_from_slice(&random::<32>()),
        wraps: wraps.collect(),
    });
    same_again(
        &arena,
        &frame(Opcode::Binary, &encode_request(7, stage)).repeat(AT_ONCE),
    )
    .await
}

pub(super) async fn signals(arena: Arena) -> Tally {
    let cast = &arena.cast;
    let ciphertext = Bytes::from(vec![0; limits::MAX_SIGNAL_CIPHERTEXT]);
    let signal = cast.room.signal(&cast.mallory, 1, ciphertext);
    same_again(
        &arena,
        &frame(Opcode::Binary, &encode_request(7, signal)).repeat(AT_ONCE),
    )
    .await
}

/// Signed well for the checks of form, and then spoilt.
pub(super) async fn bad_signatures(arena: Arena) -> Tally {
    let cast = &arena.cast;
    let mut entry = cast
        .room
        .sign(&cast.mallory, &mut Pen::default(), vec![0; 256].into());
    if let Some(Kind::Event(event)) = &mut entry.kind {
        // Of a form that is checked to the end.
        let mut signature = event.signature.to_vec();
        signature[0] ^= 1;
        event.signature = signature.into();
    }
    let publish = cast.room.publish(vec![entry]);
    same_again(
        &arena,
        &frame(Opcode::Binary, &encode_request(7, publish)).repeat(AT_ONCE),
    )
    .await
}

/// Valid events; what is refused for its rate is sent again at once.
pub(super) async fn publishes(arena: Arena) -> Tally {
    let (mut tally, cast) = (Tally::default(), &arena.cast);
    let Some(mut socket) = log_in(&arena, &mut tally).await else {
        return tally;
    };
    let member = cast.person(arena.member);
    let mut pen = cast.pen(arena.member).lock().await;
    while !arena.is_over() {
        let mut sign = || cast.room.sign(member, &mut pen, vec![0; 64].into());
        let publish = cast.room.publish((0..ENTRIES).map(|_| sign()).collect());
        // The last ones too, so that the chain goes on where it is.
        loop {
            tally.done += ENTRIES as u64;
            match socket.ask(publish.clone()).await {
                Ok(Answer::Published(wire::Published { nack: Some(nack), .. })) => tally.answer(nack.code),
                Ok(Answer::Published(published)) => {
                    *tally.answers.entry("acked".to_owned()).or_default() += published.acks.len() as u64;
                    break;
                }
                Ok(other) => tally.answer(format!("{other:?}")),
                Err(denied) => {
                    tally.denied(&denied);
                    return tally;
                }
            }
        }
    }
    tally
}

async fn same_again(arena: &Arena, bytes: &[u8]) -> Tally {
    let mut tally = Tally::default();
    if let Some(socket) = log_in(arena, &mut tally).await {
        flood(arena, socket, bytes, &mut tally).await;
    }
    tally
}
