//! Ciphertexts that are none, many of them: what a client says of one must not tell why it does not open.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt;
use sealpost_protocol::event::{EventHeader, ParsedEvent, sign_event};
use sealpost_protocol::limits;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{Entry, Page, RelayFrame};
use sealpost_sdk::{Message, Position};

use super::log::entries_of;
use super::{Shown, unharmed};
use crate::entries::{end_of, event_entry};
use crate::forgery::first_of_her_own;
use crate::relay::Orders;
use crate::scene::{FOUR, Garden, Scene};
use crate::victim::{Failure, Victim, patiently};

/// Events of one page.
const PAGE: usize = 200;
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
        unharmed(bob.read(garden.id, FOUR.len()).await, &FOUR)?;
        let behind = bob.read_in_vain(garden.id).await;
        return match behind.texts.is_empty() {
            true => Ok(format!("of {} nothing is shown", forged.len())),
            false => Err(format!("it showed {:?}", behind.texts)),
        };
    }
    let space = bob.sdk().space(garden.id).await.unwrap();
    let mut messages = space.subscribe(Position::START);
    let (mut texts, mut classes) = (Vec::new(), BTreeMap::<String, usize>::new());
    while classes.values().sum::<usize>() < forged.len() {
        match patiently(async { messages.next().await.unwrap() }).await {
            Ok(message) => texts.push(String::from_utf8_lossy(&message.body).into_owned()),
            Err(failure) => *classes.entry(form_of(&failure)).or_default() += 1,
        }
        if classes.contains_key("silence") {
            break;
        }
    }
    if texts != FOUR {
        return Err(format!("it showed {texts:?}"));
    }
    match classes.len() {
        1 if classes.values().all(|count| *count == forged.len()) => Ok(format!(
            "{} times: {}",
            forged.len(),
            classes.into_keys().collect::<String>()
        )),
        _ => Err(format!("several errors: {classes:?}")),
    }
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

/// As many as the scene says, of one writer.
fn forge(scene: &Scene, log: &[Entry]) -> Vec<Entry> {
    let mallory = &scene.mallory;
    let mut header = crate::forgery::header(&first_of_her_own(&log[LAST], mallory));
    let honest = ciphertext(&log[LAST]);
    let mut forged = Vec::with_capacity(scene.malformed);
    for number in 0..scene.malformed {
        let event = sign_event(&header, form(number, &honest), &mallory.key);
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
    let noise = |length: usize| -> Bytes {
        let byte = |at: usize| ((at * 167 + number * 13) % 251).to_le_bytes()[0];
        (0..length).map(byte).collect()
    };
    let place = number % honest.len();
    match number % 8 {
        0 => noise(limits::TAG),
        1 => noise(limits::TAG + 1),
        2 => noise(limits::TAG + number % 1024),
        3 => noise(honest.len()),
        4 => honest.clone(),
        5 => honest.slice(..place.max(limits::TAG)),
        6 => [&honest[..], &[0; 16]].concat().into(),
        _ => {
            let mut flipped = honest.to_vec();
            flipped[place] ^= 1 << (number % 7);
            flipped.into()
        }
    }
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
