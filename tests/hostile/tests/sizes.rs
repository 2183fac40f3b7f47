//! What a relay learns of lengths: it hears every one of them, and few differ.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sealpost_hostile_relay::relay::{HostileRelay, Orders};
use sealpost_hostile_relay::scene::Scene;
use sealpost_hostile_relay::victim::Victim;
use sealpost_protocol::limits;
use sealpost_protocol::padding::{MIN_PADDED, padded_length};
use sealpost_protocol::wire::ClientFrame;
use sealpost_protocol::wire::client_frame::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_sdk::PutOptions;

/// How long each was that was heard, and by what it is told from others: a client may send the same again.
type Heard = Arc<Mutex<Vec<(Bytes, usize)>>>;

/// As many lengths, evenly spread up to the longest.
fn lengths(longest: usize, count: usize) -> Vec<usize> {
    (1..=count).map(|number| longest * number / count).collect()
}

/// Listens to what a client sends over the socket.
fn hear(relay: &HostileRelay, lengths_of: fn(&ClientFrame) -> Vec<(Bytes, usize)>) -> Heard {
    let heard = Heard::default();
    let hear = Arc::clone(&heard);
    relay.misbehave(Orders::default().requests(move |frame| {
        let mut heard = hear.lock().unwrap();
        for (id, length) in lengths_of(frame) {
            if heard.iter().all(|(known, _)| *known != id) {
                heard.push((id, length));
            }
        }
        None
    }));
    heard
}

fn events(frame: &ClientFrame) -> Vec<(Bytes, usize)> {
    let Some(Body::Publish(publish)) = &frame.body else {
        return Vec::new();
    };
    let lengths = publish.entries.iter().filter_map(|entry| match &entry.kind {
        Some(Kind::Event(event)) => Some((event.signature.clone(), event.ciphertext.len())),
        _ => None,
    });
    lengths.collect()
}

fn signals(frame: &ClientFrame) -> Vec<(Bytes, usize)> {
    let Some(Body::SendSignal(sent)) = &frame.body else {
        return Vec::new();
    };
    let signal = sent.signal.as_ref().unwrap();
    vec![(signal.signature.clone(), signal.ciphertext.len())]
}

/// Prints what was heard, and holds it against the padding: each is one of the few lengths that there are, and what is as long as that may have
/// had any length between it and the one before.
fn expect_padded(what: &str, sent: &[usize], heard: &Heard) {
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), sent.len(), "{what}: one for each");
    let mut histogram = BTreeMap::<usize, Vec<usize>>::new();
    for (length, (_, sealed)) in sent.iter().zip(heard.iter()) {
        let padded = sealed - limits::TAG;
        // Padmé leaves what is padded as it is.
        assert_eq!(
            padded_length(padded - 4),
            padded,
            "{what}: {length} became {sealed}"
        );
        histogram.entry(*sealed).or_default().push(*length);
    }
    eprintln!(
        "{what}: {} of {} lengths are told apart",
        histogram.len(),
        sent.len()
    );
    for (sealed, lengths) in &histogram {
        let (first, last) = (lengths[0], lengths[lengths.len() - 1]);
        eprintln!("  {sealed:>7} bytes: {:>3} of {first} to {last}", lengths.len());
    }
    assert!(histogram.len() * 3 < sent.len(), "{what}: {}", histogram.len());
    let (shortest, lengths) = histogram.first_key_value().unwrap();
    assert_eq!(*shortest, MIN_PADDED + limits::TAG);
    assert!(
        lengths[lengths.len() - 1] > 150,
        "{what}: the short ones are alike"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_messages_of_hundreds_of_lengths_a_relay_tells_few_apart() {
    for victim in [Victim::Sdk, Victim::Interop] {
        let scene = Scene::set(victim, 0).await;
        let garden = scene.garden().await;
        let mut bob = scene.device().await;
        bob.read(garden.id, 1).await.ended.unwrap();
        let sent = lengths(16_000, 400);
        let heard = hear(&scene.relay, events);
        for length in &sent {
            bob.send(garden.id, &"x".repeat(*length)).await.unwrap();
        }
        expect_padded(&format!("messages of {}", victim.name()), &sent, &heard);
        scene.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_signals_and_files_it_tells_few_lengths_apart() {
    let scene = Scene::set(Victim::Sdk, 0).await;
    let garden = scene.garden().await;
    let bob = scene.device().await;
    let space = bob.sdk().space(garden.id).await.unwrap();
    space.sync().await.unwrap();
    let sent = lengths(sealpost_sdk::space::MAX_SIGNAL, 300);
    let heard = hear(&scene.relay, signals);
    for length in &sent {
        space.signal(&vec![7; *length]).await.unwrap();
    }
    expect_padded("signals", &sent, &heard);
    scene.relay.behave();

    let sent = lengths(8_000, 300);
    let heard = Heard::default();
    let hear = Arc::clone(&heard);
    scene
        .storage
        .misbehave(Orders::default().answers(move |asked, _| {
            if asked.method == "PUT" {
                hear.lock().unwrap().push((Bytes::new(), asked.body.len()));
            }
        }));
    for length in &sent {
        let bytes = vec![7; *length];
        space.put_blob(&bytes[..], PutOptions::default()).await.unwrap();
    }
    expect_padded("files", &sent, &heard);
    scene.end().await;
}
