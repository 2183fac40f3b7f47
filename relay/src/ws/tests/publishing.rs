//! Requests that change a log, through sockets.

use bytes::Bytes;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::limits;
use sealpost_protocol::wire::client_frame::Body as Request;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{self, Published};

use super::super::SocketSettings;
use super::client::{Client, Person};
use super::relay::Relay;
use crate::log::tests::chat::{Chat, key_id, sealed_wrap};

async fn setup() -> (Relay, Client, Person, Chat) {
    let relay = Relay::start(SocketSettings::default()).await;
    let alice = Person::alice();
    let client = Client::log_in(&relay, &alice).await;
    let chat = Chat::create(&relay.log, &alice.actor).await;
    (relay, client, alice, chat)
}

fn publish(space_id: SpaceId, entries: Vec<wire::Entry>) -> Request {
    let space_id = space_id.to_bytes();
    Request::Publish(wire::Publish { space_id, entries })
}

async fn published(client: &mut Client) -> (u64, Published) {
    let frame = client.receive().await;
    match frame.body {
        Some(Body::Published(published)) => (frame.request_id, published),
        other => panic!("expected acks, got {other:?}"),
    }
}

#[tokio::test]
async fn publishes_sent_without_waiting_are_appended_in_order() {
    let (_relay, mut client, alice, mut chat) = setup().await;
    let entries = chat.run(&alice.actor, 60);
    let mut requests = Vec::new();
    for entry in entries.chunks(3) {
        requests.push(client.send(publish(chat.id(), entry.to_vec())).await);
    }
    let mut seqs = vec![0; 20];
    for _ in 0..20 {
        let (id, Published { acks, nack }) = published(&mut client).await;
        assert_eq!((acks.len(), nack), (3, None));
        let place = requests.iter().position(|request| *request == id).unwrap();
        seqs[place] = acks[0].seq;
        let last = acks.last().unwrap();
        assert_eq!(last.root, chat.at(last.seq).root.to_bytes());
        assert_eq!(last.receipt.len(), 32);
    }
    let expected: Vec<u64> = (0..20).map(|place| 3 + place * 3).collect();
    assert_eq!(seqs, expected);
}

#[tokio::test]
async fn repeat_is_acked_with_its_first_place() {
    let (_relay, mut client, alice, mut chat) = setup().await;
    let entries = chat.run(&alice.actor, 1);
    let mut acks = Vec::new();
    for _ in 0..2 {
        client.send(publish(chat.id(), entries.clone())).await;
        acks.extend(published(&mut client).await.1.acks);
    }
    assert_eq!((acks[0].duplicate, acks[1].duplicate), (false, true));
    assert_eq!((acks[0].seq, &acks[0].receipt), (acks[1].seq, &acks[1].receipt));
}

#[tokio::test]
async fn batch_stops_at_its_first_refusal() {
    let (_relay, mut client, alice, mut chat) = setup().await;
    let mut entries = chat.run(&alice.actor, 3);
    entries.remove(1);
    client.send(publish(chat.id(), entries)).await;
    let (_, Published { acks, nack }) = published(&mut client).await;
    assert_eq!(acks.len(), 1);
    assert_eq!(nack.unwrap().code, "writer_gap");
}

#[tokio::test]
async fn nobody_publishes_what_another_signed() {
    let (relay, _, alice, mut chat) = setup().await;
    let bob = Person::bob();
    chat.add(&relay.log, &alice.actor, &bob.actor).await;
    let mut client = Client::log_in(&relay, &bob).await;
    let entries = chat.run(&alice.actor, 1);
    client.send(publish(chat.id(), entries)).await;
    let (_, Published { acks, nack }) = published(&mut client).await;
    assert!(acks.is_empty());
    assert_eq!(nack.unwrap().code, "bad_signature");
}

#[tokio::test]
async fn request_that_is_too_much_or_malformed_is_refused_and_the_socket_stays() {
    let (_relay, mut client, _, chat) = setup().await;
    let many = vec![wire::Entry::default(); limits::MAX_ENTRIES_PER_PUBLISH + 1];
    let wraps = vec![wire::Wrap::default(); limits::MAX_WRAPS_PER_FRAME + 1];
    let space_id = chat.id().to_bytes();
    let cases = [
        (publish(chat.id(), many), "too_large", 256),
        (
            Request::StageWraps(wire::StageWraps {
                space_id: space_id.clone(),
                wraps,
                ..wire::StageWraps::default()
            }),
            "too_large",
            128,
        ),
        (
            Request::Publish(wire::Publish {
                space_id: Bytes::from_static(&[1; 31]),
                entries: vec![],
            }),
            "malformed",
            0,
        ),
        (
            Request::Subscribe(wire::Subscribe {
                space_id,
                after_seq: 0,
                after_root: Bytes::new(),
            }),
            "malformed",
            0,
        ),
        (
            Request::SendSignal(wire::SendSignal { signal: None }),
            "malformed",
            0,
        ),
    ];
    for (request, code, limit) in cases {
        let id = client.send(request).await;
        let (answered, nack) = client.nack().await;
        assert_eq!((answered, nack.code.as_str(), nack.limit), (id, code, limit));
    }
}

#[tokio::test]
async fn member_stages_wraps_and_fetches_its_own() {
    let (_relay, mut client, alice, chat) = setup().await;
    let fetch = |epoch| {
        let space_id = chat.id().to_bytes();
        Request::FetchWrap(wire::FetchWrap {
            space_id,
            epoch,
            unusable: Vec::new(),
        })
    };
    client.send(fetch(1)).await;
    match client.receive().await.body {
        Some(Body::FetchedWrap(wrap)) => {
            assert_eq!(wrap.key_id, key_id(1).to_bytes());
            assert_eq!(wrap.sealed, sealed_wrap(1, &alice.principal_id()));
        }
        other => panic!("expected a wrap, got {other:?}"),
    }
    client.send(fetch(2)).await;
    assert_eq!(client.nack().await.1.code, "not_found");
    let stage = wire::StageWraps {
        space_id: chat.id().to_bytes(),
        epoch: 2,
        key_id: key_id(2).to_bytes(),
        wraps: vec![wire::Wrap {
            recipient: alice.principal_id().to_bytes(),
            sealed: sealed_wrap(2, &alice.principal_id()),
        }],
    };
    client.send(Request::StageWraps(stage)).await;
    match client.receive().await.body {
        Some(Body::WrapsStaged(staged)) => assert_eq!(staged.count, 1),
        other => panic!("expected a count, got {other:?}"),
    }
}

#[tokio::test]
async fn what_is_in_flight_when_the_relay_leaves_is_answered() {
    let (relay, mut client, alice, mut chat) = setup().await;
    let entries = chat.run(&alice.actor, 40);
    let first = client.send(publish(chat.id(), entries[..1].to_vec())).await;
    for entry in &entries[1..] {
        client.send(publish(chat.id(), vec![entry.clone()])).await;
    }
    // Once one is answered, others are on their way; what the relay has read of them it answers before it closes.
    assert_eq!(published(&mut client).await.0, first);
    let (acked, ()) = tokio::join!(count_acks(&mut client), relay.sockets.close_all());
    let stored = relay
        .log
        .subscribe(&alice.actor.principal(), chat.id(), chat.start())
        .await;
    let head = stored.unwrap().head.cursor;
    assert_eq!(
        head,
        chat.at(2 + 1 + acked),
        "every entry that is stored was acked"
    );
}

/// Acks up to the close frame, which must say that the relay restarts.
async fn count_acks(client: &mut Client) -> u64 {
    use futures_util::StreamExt;
    use prost::Message as _;
    use tokio_tungstenite::tungstenite::Message;
    let mut acks = 0;
    while let Some(message) = client.socket.next().await {
        match message.unwrap() {
            Message::Binary(bytes) => match wire::RelayFrame::decode(bytes).unwrap().body {
                Some(Body::Published(Published { acks: new, .. })) => acks += new.len() as u64,
                other => panic!("expected acks, got {other:?}"),
            },
            Message::Close(frame) => assert_eq!(u16::from(frame.unwrap().code), 1012),
            _ => {}
        }
    }
    acks
}
