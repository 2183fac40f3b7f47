//! Bytes that are no frame, or one that makes no sense.

use bytes::Bytes;
use sealpost_protocol::{
    limits,
    wire::{self, client_frame::Body as Ask},
};
use tokio::{io::AsyncWriteExt, time::Instant};

use super::flood::{flood, hear, log_in};
use crate::{
    abuse::{attack::Arena, tally::Tally},
    bare::{Opcode, encode_request, frame, frame_head, random},
};

/// How [`frames`] are answered, all of them.
pub(super) const CLOSES: &[&str] = &[
    "close 1002",
    "close 1002 malformed",
    "close 1003",
    "close 1009 too_large",
];

/// Each kind in turn, on a socket of its own.
pub(super) async fn frames(arena: Arena) -> Tally {
    let kinds = kinds();
    one_by_one(&arena, &kinds).await
}

pub(super) async fn oversize(arena: Arena) -> Tally {
    let mut kinds: Vec<_> = [limits::MAX_FRAME as u64 + 1, 16 << 20, 1 << 32, (1 << 63) - 1]
        .map(|length| [frame_head(Opcode::Binary as u8, length), vec![0; 64 * 1024]].concat())
        .into();
    // In parts, each of which is small enough.
    let mut parts = frame(Opcode::First, &vec![0; 128 * 1024]);
    parts.extend(frame(Opcode::Continuation, &vec![0; 128 * 1024]).repeat(2));
    kinds.push(parts);
    one_by_one(&arena, &kinds).await
}

async fn one_by_one(arena: &Arena, kinds: &[Vec<u8>]) -> Tally {
    let mut tally = Tally::default();
    // Attackers begin at different places; each makes the round once at least, however short the time.
    let mut turn = arena.number;
    while !arena.is_over() || turn < arena.number + kinds.len() {
        let Some(socket) = log_in(arena, &mut tally).await else {
            continue;
        };
        let (mut ear, mut mouth) = (socket.ear, socket.mouth);
        let (start, patience) = (Instant::now(), arena.patience());
        tally.done += 1;
        // A relay that hung up while it was being written to has said why.
        let _ = mouth.stream.write_all(&kinds[turn % kinds.len()]).await;
        let heard = tokio::time::timeout_at(patience, hear(&mut ear, &mut tally)).await;
        match heard {
            Ok(how) => tally.closed(how, start.elapsed()),
            Err(_) => tally.overdue += 1,
        }
        turn += 1;
    }
    tally
}

/// Frames that end a socket.
fn kinds() -> Vec<Vec<u8>> {
    let valid = encode_request(1, Ask::Unsubscribe(wire::Unsubscribe { subscription: 9 }));
    let text = [frame_head(0x81, 2), b"hi".to_vec()].concat();
    let unmasked = [&[0x82, 3][..], b"abc"].concat();
    // Each of the reserved bits, and each reserved opcode.
    let mut kinds: Vec<_> = [0xc2, 0xa2, 0x92, 0x83, 0x87, 0x8b, 0x8f]
        .map(|first| [frame_head(first, 2), b"hi".to_vec()].concat())
        .into();
    kinds.push(text);
    kinds.push(unmasked);
    // A continuation of nothing, a message within a message, a ping in parts and one that is too long.
    kinds.push([frame_head(0x80, 1), vec![0]].concat());
    kinds.push([frame(Opcode::First, b"a"), frame(Opcode::Binary, b"b")].concat());
    kinds.push(frame_head(0x09, 0));
    kinds.push([frame_head(0x89, 126), vec![0; 126]].concat());
    // Garbage, a request that is cut short, one without an id, nothing at all.
    kinds.push(frame(Opcode::Binary, &[0xff; 64]));
    kinds.push(frame(Opcode::Binary, &random::<200>()));
    kinds.push(frame(Opcode::Binary, &valid[..valid.len() - 1]));
    kinds.push(frame(Opcode::Binary, b""));
    // Groups in groups; a publish of as many empty entries as fit; more than a frame may hold.
    kinds.push(frame(Opcode::Binary, &[0x0b; 100_000]));
    kinds.push(frame(Opcode::Binary, &empty_entries()));
    kinds.push([frame_head(Opcode::Binary as u8, 1 << 20), vec![0; 1 << 16]].concat());
    kinds
}

/// Two bytes each on the wire, some hundreds of bytes each in memory.
fn empty_entries() -> Vec<u8> {
    let publish = wire::Publish {
        space_id: Bytes::from_static(&[0; 32]),
        entries: vec![wire::Entry { kind: None }; 100_000],
    };
    encode_request(1, Ask::Publish(publish))
}

/// Requests that decode: answered with a nack each, up to the rate.
pub(super) async fn requests(arena: Arena) -> Tally {
    let mut tally = Tally::default();
    let Some(socket) = log_in(&arena, &mut tally).await else {
        return tally;
    };
    let short = Bytes::from_static(&[1; 31]);
    let subscribe = Ask::Subscribe(wire::Subscribe {
        space_id: short.clone(),
        after_seq: u64::MAX,
        after_root: Bytes::new(),
    });
    let fetch = Ask::FetchWrap(wire::FetchWrap {
        space_id: short,
        epoch: u64::MAX,
        ..wire::FetchWrap::default()
    });
    let again = Ask::Authenticate(wire::Authenticate::default());
    let signal = Ask::SendSignal(wire::SendSignal::default());
    let requests =
        [subscribe, fetch, again, signal].map(|ask| frame(Opcode::Binary, &encode_request(7, ask)));
    flood(&arena, socket, &requests.concat().repeat(128), &mut tally).await;
    tally
}
