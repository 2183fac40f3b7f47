//! Ciphertexts that are none, many of them: what a client says of one must not tell why it does not open.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use sealpost_protocol::event::{EventHeader, ParsedEvent, sign_event};
use sealpost_protocol::limits;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{Entry, Page, RelayFrame};
use sealpost_sdk::{Client, Message, Position, Space};

use super::log::entries_of;
use super::timing::{SAME_LENGTH, timing_of};
use super::{Shown, unharmed};
use crate::entries::{end_of, event_entry};
use crate::forgery::first_of_her_own;
use crate::relay::Orders;
use crate::scene::{FOUR, Garden, Scene};
use crate::victim::{Failure, Victim, patiently};

/// Events of one page, and as many as the SDK reads from its store at once.
pub(super) const PAGE: usize = 256;
/// For one signature in JavaScript, at most, and for all else.
const EACH: Duration = Duration::from_millis(10);
const LEAST: Duration = Duration::from_secs(20);
/// Mallory was added, and Alice said one thing more.
const LAST: usize = Garden::LENGTH + 1;

/// Mallory is a member: her signatures hold, and the relay serves what she never sent.
pub(super) async fn malformed(scene: &Scene) -> Shown {
    let garden = scene.garden_with_mallory().await;
    garden.alices.send(Message::text("four")).await.unwrap();
    let log = entries_of(scene, &garden).await;
    let forged = forge(scene, &log);
    let pages = pages_of(&garden, &log, &forged);
    let head = end_of(&garden.id, &[&log[..], &forged].concat());
    scene
        .relay
        .misbehave(Orders::default().frames(move |mut frame| match &mut frame.body {
            Some(Body::Subscribed(subscribed)) => {
                subscribed.head_seq = head.seq;
                subscribed.head_root = head.root.to_bytes();
                vec![frame]
            }
            Some(Body::Page(page)) if page.first_seq == 1 => {
                let more = pages.iter().map(|page| RelayFrame {
                    request_id: frame.request_id,
                    body: Some(Body::Page(page.clone())),
                });
                [frame.clone()].into_iter().chain(more).collect()
            }
            _ => vec![frame],
        }));
    let mut bob = scene.device().await;
    if scene.victim == Victim::Interop {
        let patience = EACH.saturating_mul(u32::try_from(forged.len()).unwrap_or(u32::MAX));
        let read = bob.read_within(LEAST + patience, garden.id, FOUR.len());
        unharmed(read.await, &FOUR)?;
        let behind = bob.read_in_vain(garden.id).await;
        return match behind.texts.is_empty() {
            true => Ok(format!("of {} nothing is shown", forged.len())),
            false => Err(format!("it showed {:?}", behind.texts)),
        };
    }
    let space = bob.sdk().space(garden.id).await.unwrap();
    let mut messages = space.subscribe(Position::START);
    let (mut texts, mut classes) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut before = None;
    while classes.values().sum::<usize>() < forged.len() {
        match patiently(async { messages.next().await.unwrap() }).await {
            Ok(message) => texts.push(String::from_utf8_lossy(&message.body).into_owned()),
            Err(failure) => *classes.entry(form_of(&failure)).or_default() += 1,
        }
        if classes.contains_key("silence") {
            break;
        }
        if before.is_none() && texts.len() == FOUR.len() {
            before = Some(state_of(bob.sdk(), &space).await);
        }
    }
    if texts != FOUR {
        return Err(format!("it showed {texts:?}"));
    }
    let after = state_of(bob.sdk(), &space).await;
    if before.as_ref() != Some(&after) {
        return Err(format!("{before:?} became {after:?}"));
    }
    if classes.len() != 1 || classes.values().any(|count| *count != forged.len()) {
        return Err(format!("several errors: {classes:?}"));
    }
    let class = classes.into_keys().collect::<String>();
    let timing = timing_of(&space, log.len() as u64, forged.len()).await;
    Ok(format!(
        "{} times: {class}; no state changed; {timing}",
        forged.len()
    ))
}

/// What a client knows and says of a space, but for where its log ends.
async fn state_of(client: &Client, space: &Space) -> String {
    let members = space.members().await.unwrap();
    let (epoch, policy) = (space.epoch().await.unwrap(), space.policy().await.unwrap());
    let (evidence, unsent) = (
        space.evidence().await.unwrap(),
        client.unsent(space.id()).await.unwrap(),
    );
    let contacts = client.contacts().known().await.unwrap();
    format!("{members:?} {epoch} {policy:?} {evidence:?} {unsent:?} {contacts:?}")
}

/// What an error says, but for the place that it names.
fn form_of(failure: &Failure) -> String {
    let words = failure.text.split(' ').map(|word| {
        let named = word.bytes().any(|byte| byte.is_ascii_digit());
        if named { ".." } else { word }
    });
    match failure.class == "silence" {
        true => failure.class.clone(),
        false => format!("{}: {}", failure.class, words.collect::<Vec<_>>().join(" ")),
    }
}

/// How many of that many are of any form; of the rest, which is of whole groups, each group is of one.
pub(super) fn mixed_of(count: usize) -> usize {
    count - count / 2 / PAGE * PAGE
}

/// As many as the scene says, of one writer.
fn forge(scene: &Scene, log: &[Entry]) -> Vec<Entry> {
    let mallory = &scene.mallory;
    let mut header = crate::forgery::header(&first_of_her_own(&log[LAST], mallory));
    let honest = ciphertext(&log[LAST]);
    let mut forged = Vec::with_capacity(scene.malformed);
    for number in 0..scene.malformed {
        let ciphertext = match number.checked_sub(mixed_of(scene.malformed)) {
            None => form(number, &honest),
            Some(number) => as_long(number, &honest),
        };
        let event = sign_event(&header, ciphertext, &mallory.key);
        header = EventHeader {
            writer_index: header.writer_index + 1,
            previous_event_id: Some(ParsedEvent::parse(&event).unwrap().id()),
            ..header
        };
        forged.push(event_entry(event));
    }
    forged
}

fn ciphertext(entry: &Entry) -> Bytes {
    let mut page = Page {
        entries: vec![entry.clone()],
        ..Page::default()
    };
    crate::entries::event(&mut page, 0).ciphertext.clone()
}

/// A tag alone, noise of any length from there on (less is refused with the event), and what Alice sealed: as it is, cut, longer, and with a bit flipped anywhere.
fn form(number: usize, honest: &Bytes) -> Bytes {
    let noise = |length| noise(number, length);
    let place = number % honest.len();
    match number % 8 {
        0 => noise(limits::TAG),
        1 => noise(limits::TAG + 1),
        2 => noise(limits::TAG + number % 1024),
        3 => noise(honest.len()),
        4 => honest.clone(),
        5 => honest.slice(..place.max(limits::TAG)),
        6 => [&honest[..], &[0; 16]].concat().into(),
        _ => flipped(number, place, honest),
    }
}

/// With one bit changed in the byte there.
fn flipped(number: usize, place: usize, honest: &Bytes) -> Bytes {
    let mut flipped = honest.to_vec();
    flipped[place] ^= 1 << (number % 7);
    flipped.into()
}

/// One of them, the same for a whole group.
fn as_long(number: usize, honest: &Bytes) -> Bytes {
    match number / PAGE % SAME_LENGTH.len() {
        0 => noise(number, honest.len()),
        1 => honest.clone(),
        2 => flipped(number, honest.len() - 1 - number % limits::TAG, honest),
        _ => flipped(number, number % limits::TAG, honest),
    }
}

fn noise(number: usize, length: usize) -> Bytes {
    let byte = |at: usize| ((at * 167 + number * 13) % 251).to_le_bytes()[0];
    (0..length).map(byte).collect()
}

fn pages_of(garden: &Garden, log: &[Entry], forged: &[Entry]) -> Vec<Page> {
    let (mut pages, mut at) = (Vec::new(), end_of(&garden.id, log));
    for entries in forged.chunks(PAGE) {
        let first_seq = at.seq + 1;
        at = crate::entries::behind(at, entries);
        pages.push(Page {
            first_seq,
            entries: entries.to_vec(),
            last_root: at.root.to_bytes(),
            receipt: Bytes::from_static(&[1; 32]),
        });
    }
    pages
}
