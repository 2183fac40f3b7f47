//! Clients that want more than their share.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use sealpost_protocol::wire;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::super::SocketSettings;
use super::super::admission::Holder;
use super::super::bucket::Rate;
use super::client::{Client, HEADERS, Person, request, unknown_subscription};
use super::relay::Relay;

#[tokio::test]
async fn strangers_beyond_a_tenth_of_the_slots_are_shed_before_the_upgrade() {
    let relay = Relay::start(SocketSettings {
        max_sockets: 10,
        ..SocketSettings::default()
    })
    .await;
    let (stranger, _) = Client::connect(&relay).await;
    let (_, head) = request(&relay, "/v1/socket", HEADERS).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("retry-after: 5"), "{head}");
    drop(stranger);
    relay.is_empty().await;
    Client::log_in(&relay, &Person::alice()).await;
}

#[tokio::test]
async fn account_beyond_its_sockets_is_refused_and_others_are_not() {
    let relay = Relay::start(SocketSettings {
        max_sockets_per_account: 1,
        ..SocketSettings::default()
    })
    .await;
    let alice = Person::alice();
    let _first = Client::log_in(&relay, &alice).await;
    let (mut second, nonce) = Client::connect(&relay).await;
    second
        .send(wire::client_frame::Body::Authenticate(alice.answer(&nonce)))
        .await;
    assert_eq!(second.closed().await, (1008, "rate_limited".to_owned()));
    Client::log_in(&relay, &Person::bob()).await;
}

#[tokio::test]
async fn account_that_opens_sockets_again_and_again_is_refused_before_its_proof_is_looked_at() {
    let relay = Relay::start(SocketSettings::default()).await;
    let alice = Person::alice();
    let stranger = "192.0.2.1".parse().unwrap();
    let slot = relay.sockets.0.admission.admit(stranger).unwrap();
    for _ in 0..20 {
        let (mut client, nonce) = Client::connect(&relay).await;
        while slot.open_for(Holder::Person(alice.account_id)).is_ok() {}
        let mut proof = alice.answer(&nonce);
        proof.signature = vec![0; 64].into();
        client.send(wire::client_frame::Body::Authenticate(proof)).await;
        match client.closed().await {
            (1008, reason) => {
                assert_eq!(reason, "rate_limited");
                Client::log_in(&relay, &Person::bob()).await;
                return;
            }
            // On a busy machine it may have got its turn in between.
            other => assert_eq!(other, (4001, "not_authenticated".to_owned())),
        }
    }
    panic!("its proof is looked at first");
}

#[tokio::test]
async fn ping_flood_is_a_policy_violation() {
    let relay = Relay::start(SocketSettings::default()).await;
    for message in [Message::Ping(vec![].into()), Message::Pong(vec![].into())] {
        let mut client = Client::log_in(&relay, &Person::alice()).await;
        for _ in 0..100 {
            client.socket.feed(message.clone()).await.unwrap();
        }
        client.socket.flush().await.unwrap();
        assert_eq!(client.closed().await, (1008, "rate_limited".to_owned()));
    }
}

#[tokio::test]
async fn requests_above_the_rate_are_refused_with_a_time() {
    let relay = Relay::start(SocketSettings {
        requests: Rate::new(1, 2),
        ..SocketSettings::default()
    })
    .await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    for expected in ["not_found", "not_found", "rate_limited"] {
        client.send(unknown_subscription()).await;
        let (_, nack) = client.nack().await;
        assert_eq!(nack.code, expected);
        assert_eq!(nack.retry_after_ms > 0, expected == "rate_limited");
    }
}

#[tokio::test]
async fn who_goes_on_after_refusals_is_read_no_faster_than_their_rate() {
    let relay = Relay::start(SocketSettings {
        requests: Rate::new(1, 1),
        ..SocketSettings::default()
    })
    .await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    let start = Instant::now();
    for _ in 0..260 {
        client.send(unknown_subscription()).await;
    }
    for _ in 0..260 {
        client.nack().await;
    }
    // All beyond 200 refusals come at 100 a second.
    let least = Duration::from_millis(500);
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
}

/// tungstenite would swallow millions of these a second; here, reading them takes the time that the rate allows.
#[tokio::test]
async fn empty_fragments_are_read_no_faster_than_the_rate() {
    let relay = Relay::start(SocketSettings {
        frames: Rate::new(5_000, 100),
        ..SocketSettings::default()
    })
    .await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    let start = Instant::now();
    let mut bytes = vec![0x02, 0x80, 0, 0, 0, 0];
    bytes.extend([0x00, 0x80, 0, 0, 0, 0].repeat(1_000));
    // The last one completes a message that is no frame, which ends the socket.
    bytes.extend([0x80, 0x80, 0, 0, 0, 0]);
    client.send_raw(&bytes).await;
    assert_eq!(client.closed().await, (1002, "malformed".to_owned()));
    // The last buffer, of up to 682 frames, is paid for after it was read.
    let least = Duration::from_millis(35);
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
}

#[tokio::test]
async fn message_in_ever_more_fragments_is_too_large() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    let mut bytes = vec![0x02, 0x80, 0, 0, 0, 0];
    bytes.extend([0x00, 0x80, 0, 0, 0, 0].repeat(1_024));
    client.send_raw(&bytes).await;
    assert_eq!(client.closed().await, (1009, "too_large".to_owned()));
}

#[tokio::test]
async fn bytes_are_read_no_faster_than_the_rate() {
    let relay = Relay::start(SocketSettings {
        bytes: Rate::new(1_000_000, 10_000),
        ..SocketSettings::default()
    })
    .await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    let start = Instant::now();
    client
        .send_message(Message::Binary(vec![0xff; 200_000].into()))
        .await;
    assert_eq!(client.closed().await.0, 1002);
    assert!(
        start.elapsed() >= Duration::from_millis(180),
        "{:?}",
        start.elapsed()
    );
}

/// Requests without end and never a look at the answers: the relay stops reading, waits, and hangs up.
#[tokio::test]
async fn client_that_never_reads_is_closed_after_the_write_timeout() {
    let relay = Relay::start(SocketSettings {
        requests: Rate::new(1_000_000, 1_000_000),
        frames: Rate::new(1_000_000, 1_000_000),
        ..SocketSettings::default()
    })
    .await;
    let client = Client::log_in(&relay, &Person::alice()).await;
    let frame = wire::ClientFrame {
        request_id: 1,
        body: Some(unknown_subscription()),
    };
    let frame = frame.encode_to_vec();
    let mut bytes = vec![0x82, 0x80 | u8::try_from(frame.len()).unwrap(), 0, 0, 0, 0];
    bytes.extend(frame);
    let mut stream = client.socket.into_inner();
    let requests = bytes.repeat(1_000);
    let flood = async { while stream.write_all(&requests).await.is_ok() {} };
    tokio::join!(flood, relay.is_empty());
    assert_eq!(relay.closed(4003), 1);
    assert_eq!(relay.metrics.queued_bytes.get(), 0);
}

#[tokio::test]
async fn client_that_answers_no_pings_is_closed() {
    let relay = Relay::start(SocketSettings {
        ping_interval_ms: 30,
        ..SocketSettings::default()
    })
    .await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    // Below the WebSocket library, which would answer them.
    let mut stream = client.socket.get_mut();
    let mut received = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut received)
        .await
        .unwrap();
    assert_eq!(received, b"\x89\x00\x89\x00\x88\x02\x0f\xa3");
}

#[tokio::test]
async fn client_that_answers_pings_stays() {
    let relay = Relay::start(SocketSettings {
        ping_interval_ms: 100,
        ..SocketSettings::default()
    })
    .await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    for _ in 0..6 {
        let message = client.socket.next().await.unwrap().unwrap();
        assert!(message.is_ping(), "{message:?}");
    }
}
