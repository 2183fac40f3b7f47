//! What subscribers get, whatever they do.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use sealpost_protocol::event::sign_event;
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::signal::{SignalHeader, sign_signal};
use sealpost_protocol::wire::client_frame::Body as Request;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{self, entry::Kind};

use super::super::SocketSettings;
use super::client::{Client, Person};
use super::relay::{Relay, Times};
use crate::log::tests::actors::Actor;
use crate::log::tests::chat::{Chat, acked, key_id};

async fn setup() -> (Relay, Person, Chat) {
    setup_with(SocketSettings::default(), Times::default()).await
}

async fn setup_with(settings: SocketSettings, times: Times) -> (Relay, Person, Chat) {
    let relay = Relay::start_with(settings, times).await;
    let alice = Person::alice();
    let chat = Chat::create(&relay.log, &alice.actor).await;
    (relay, alice, chat)
}

fn subscribe(chat: &Chat, after: Cursor) -> Request {
    Request::Subscribe(wire::Subscribe {
        space_id: chat.id().to_bytes(),
        after_seq: after.seq,
        after_root: after.root.to_bytes(),
    })
}

/// Subscribes and reads the answer; returns the request id.
async fn subscribed(client: &mut Client, chat: &Chat, after: Cursor) -> u64 {
    let id = client.send(subscribe(chat, after)).await;
    let frame = client.receive().await;
    match frame.body {
        Some(Body::Subscribed(head)) => {
            assert_eq!(frame.request_id, id);
            assert_eq!(head.head_root, chat.at(head.head_seq).root.to_bytes());
        }
        other => panic!("expected a head, got {other:?}"),
    }
    id
}

async fn page(client: &mut Client) -> (u64, wire::Page) {
    let frame = client.receive().await;
    match frame.body {
        Some(Body::Page(page)) => (frame.request_id, page),
        other => panic!("expected a page, got {other:?}"),
    }
}

/// Reads pages up to a place and holds each to what the writer knows.
async fn read_to(client: &mut Client, chat: &Chat, mut after: u64, last: u64) -> usize {
    let mut pages = 0;
    while after < last {
        let (_, page) = page(client).await;
        assert_eq!(page.first_seq, after + 1);
        after += page.entries.len() as u64;
        assert_eq!(page.last_root, chat.at(after).root.to_bytes());
        assert_eq!(page.receipt.len(), 32);
        pages += 1;
    }
    pages
}

/// An author's next events, with ciphertexts of `length` bytes.
fn large_events(chat: &mut Chat, author: &Actor, count: usize, length: usize) -> Vec<wire::Entry> {
    let next = |_| {
        let header = chat.header(author);
        let event = sign_event(&header, vec![0xcc; length].into(), &author.key);
        let entry = wire::Entry {
            kind: Some(Kind::Event(event)),
        };
        chat.fold_entry(&entry);
        entry
    };
    (0..count).map(next).collect()
}

async fn append(relay: &Relay, chat: &Chat, author: &Actor, entries: Vec<wire::Entry>) {
    for batch in entries.chunks(50) {
        acked(chat.publish(&relay.log, author, batch.to_vec()).await);
    }
}

#[tokio::test]
async fn stored_and_live_entries_come_in_one_stream() {
    let (relay, alice, mut chat) = setup().await;
    let mut client = Client::log_in(&relay, &alice).await;
    let stored = chat.run(&alice.actor, 10);
    append(&relay, &chat, &alice.actor, stored).await;
    let id = subscribed(&mut client, &chat, chat.start()).await;
    let (of, first) = page(&mut client).await;
    assert_eq!((of, first.first_seq), (id, 1));
    read_to(&mut client, &chat, first.entries.len() as u64, 12).await;
    for _ in 0..5 {
        let before = chat.cursor().seq;
        chat.say(&relay.log, &alice.actor, "live").await;
        read_to(&mut client, &chat, before, before + 1).await;
    }
}

#[tokio::test]
async fn subscription_begins_after_its_cursor() {
    let (relay, alice, mut chat) = setup().await;
    let entries = chat.run(&alice.actor, 10);
    append(&relay, &chat, &alice.actor, entries).await;
    let mut client = Client::log_in(&relay, &alice).await;
    subscribed(&mut client, &chat, chat.at(7)).await;
    read_to(&mut client, &chat, 7, 12).await;
}

#[tokio::test]
async fn cursor_off_the_log_and_unknown_spaces_are_refused() {
    let (relay, alice, chat) = setup().await;
    let mut client = Client::log_in(&relay, &alice).await;
    let beside = Cursor { seq: 1, ..chat.at(2) };
    let ahead = Cursor { seq: 9, ..chat.at(2) };
    for after in [beside, ahead] {
        client.send(subscribe(&chat, after)).await;
        assert_eq!(client.nack().await.1.code, "log_mismatch");
    }
    let mut stranger = Client::log_in(&relay, &Person::bob()).await;
    stranger.send(subscribe(&chat, chat.start())).await;
    assert_eq!(stranger.nack().await.1.code, "not_a_member");
}

#[tokio::test]
async fn nothing_comes_after_unsubscribing() {
    let (relay, alice, mut chat) = setup().await;
    let mut client = Client::log_in(&relay, &alice).await;
    let subscription = subscribed(&mut client, &chat, chat.cursor()).await;
    let kept = subscribed(&mut client, &chat, chat.cursor()).await;
    let unsubscribe = Request::Unsubscribe(wire::Unsubscribe { subscription });
    client.send(unsubscribe.clone()).await;
    assert!(matches!(client.receive().await.body, Some(Body::Done(_))));
    client.send(unsubscribe).await;
    assert_eq!(client.nack().await.1.code, "not_found");
    for _ in 0..3 {
        chat.say(&relay.log, &alice.actor, "on").await;
        assert_eq!(page(&mut client).await.0, kept);
    }
}

#[tokio::test]
async fn request_id_of_a_live_subscription_is_refused() {
    let (relay, alice, chat) = setup().await;
    let mut client = Client::log_in(&relay, &alice).await;
    subscribed(&mut client, &chat, chat.cursor()).await;
    client.repeat_request_id();
    client.send(subscribe(&chat, chat.cursor())).await;
    assert_eq!(client.nack().await.1.code, "malformed");
}

#[tokio::test]
async fn every_one_of_many_subscriptions_is_served() {
    let (relay, alice, mut chat) = setup().await;
    let mut client = Client::log_in(&relay, &alice).await;
    let mut expected = BTreeSet::new();
    for _ in 0..limits::MAX_SUBSCRIPTIONS_PER_SOCKET {
        expected.insert(subscribed(&mut client, &chat, chat.cursor()).await);
    }
    client.send(subscribe(&chat, chat.cursor())).await;
    let (_, nack) = client.nack().await;
    assert_eq!((nack.code.as_str(), nack.limit), ("too_large", 1024));
    chat.say(&relay.log, &alice.actor, "to all").await;
    let mut served = BTreeSet::new();
    for _ in 0..limits::MAX_SUBSCRIPTIONS_PER_SOCKET {
        served.insert(page(&mut client).await.0);
    }
    assert_eq!(served, expected);
    assert_eq!(relay.metrics.delivered.get(), 1024);
}

#[tokio::test]
async fn long_replay_does_not_hold_up_another_subscription() {
    let (relay, alice, mut long) = setup().await;
    let entries = large_events(&mut long, &alice.actor, 60, 50_000);
    append(&relay, &long, &alice.actor, entries).await;
    let short = Chat::create(&relay.log, &alice.actor.at_device(9)).await;
    let mut client = Client::log_in(&relay, &alice).await;
    client.send(subscribe(&long, long.start())).await;
    let wanted = client.send(subscribe(&short, short.start())).await;
    let mut pages_before = 0;
    loop {
        let frame = client.receive().await;
        match frame.body {
            Some(Body::Page(_)) if frame.request_id == wanted => break,
            Some(Body::Page(_)) => pages_before += 1,
            _ => {}
        }
    }
    assert!(pages_before < 20, "{pages_before} of 61 pages came first");
}

#[tokio::test]
async fn slow_reader_costs_a_page_and_misses_nothing() {
    let times = Times {
        write: Duration::from_secs(60),
        ..Times::default()
    };
    let (relay, alice, mut chat) = setup_with(SocketSettings::default(), times).await;
    let entries = large_events(&mut chat, &alice.actor, 40, 100_000);
    let mut slow = Client::log_in(&relay, &alice).await;
    let mut quick = Client::log_in(&relay, &alice).await;
    subscribed(&mut slow, &chat, chat.at(2)).await;
    subscribed(&mut quick, &chat, chat.at(2)).await;
    let append = append(&relay, &chat, &alice.actor, entries);
    tokio::join!(append, read_to(&mut quick, &chat, 2, 42));
    // 4 MB are there for the slow one; the relay holds a page or two of them.
    let queued = relay.metrics.queued_bytes.get();
    assert!((100_000..=300_000).contains(&queued), "{queued}");
    read_to(&mut slow, &chat, 2, 42).await;
    assert_eq!(relay.metrics.queued_bytes.get(), 0);
}

#[tokio::test]
async fn subscriber_that_never_reads_is_closed_and_the_log_goes_on() {
    let (relay, alice, mut chat) = setup().await;
    let mut deaf = Client::log_in(&relay, &alice).await;
    subscribed(&mut deaf, &chat, chat.at(2)).await;
    let entries = large_events(&mut chat, &alice.actor, 40, 100_000);
    append(&relay, &chat, &alice.actor, entries).await;
    relay.is_empty().await;
    assert_eq!(relay.closed(4003), 1);
    let mut client = Client::log_in(&relay, &alice).await;
    subscribed(&mut client, &chat, chat.at(2)).await;
    read_to(&mut client, &chat, 2, 42).await;
}

/// The write timeout is for a client that takes nothing, not for one on a thin line.
#[tokio::test]
async fn client_on_a_thin_line_is_not_closed_while_it_reads() {
    let (relay, alice, mut chat) = setup().await;
    let entries = large_events(&mut chat, &alice.actor, 40, 100_000);
    append(&relay, &chat, &alice.actor, entries).await;
    let mut client = Client::log_in(&relay, &alice).await;
    subscribed(&mut client, &chat, chat.at(2)).await;
    let mut read = 2;
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    while read < 42 {
        ticks.tick().await;
        let (_, page) = page(&mut client).await;
        read += page.entries.len() as u64;
    }
    assert_eq!(relay.closed(4003), 0);
}

#[tokio::test]
async fn signals_reach_the_others_and_are_stored_nowhere() {
    let (relay, alice, mut chat) = setup().await;
    let bob = Person::bob();
    chat.add(&relay.log, &alice.actor, &bob.actor).await;
    let mut sender = Client::log_in(&relay, &alice).await;
    let mut receiver = Client::log_in(&relay, &bob).await;
    let id = subscribed(&mut receiver, &chat, chat.cursor()).await;
    let header = SignalHeader {
        space_id: chat.id(),
        epoch: 1,
        key_id: key_id(1),
        principal_id: alice.principal_id(),
        writer_id: alice.actor.writer,
        counter: 1,
        nonce: [1; limits::NONCE],
    };
    let signal = sign_signal(&header, Bytes::from_static(&[2; 40]), &alice.actor.key);
    let send = |signal: &wire::SignedSignal| {
        Request::SendSignal(wire::SendSignal {
            signal: Some(signal.clone()),
        })
    };
    sender.send(send(&signal)).await;
    assert!(matches!(sender.receive().await.body, Some(Body::Done(_))));
    let frame = receiver.receive().await;
    assert_eq!(frame.request_id, id);
    match frame.body {
        Some(Body::SignalDelivered(delivered)) => assert_eq!(delivered.signal, Some(signal.clone())),
        other => panic!("expected a signal, got {other:?}"),
    }
    let forged = wire::SignedSignal {
        ciphertext: Bytes::from_static(&[3; 40]),
        ..signal
    };
    sender.send(send(&forged)).await;
    assert_eq!(sender.nack().await.1.code, "bad_signature");
    chat.say(&relay.log, &alice.actor, "kept").await;
    assert_eq!(page(&mut receiver).await.1.entries.len(), 1);
}

#[tokio::test]
async fn unread_requests_wait_in_the_clients_own_buffers() {
    let settings = SocketSettings {
        max_requests_in_flight: 4,
        ..SocketSettings::default()
    };
    let (relay, alice, mut chat) = setup_with(settings, Times::default()).await;
    let mut client = Client::log_in(&relay, &alice).await;
    let entries = chat.run(&alice.actor, 200);
    for entry in entries {
        let space_id = chat.id().to_bytes();
        let entries = vec![entry];
        client
            .send(Request::Publish(wire::Publish { space_id, entries }))
            .await;
    }
    for _ in 0..200 {
        match client.receive().await.body {
            Some(Body::Published(published)) => assert_eq!((published.acks.len(), published.nack), (1, None)),
            other => panic!("expected an ack, got {other:?}"),
        }
    }
}
