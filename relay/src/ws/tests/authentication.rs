use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use prost::Message as _;
use sealpost_protocol::http::SecretToken;
use sealpost_protocol::ids::{PrincipalId, SessionId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::wire::{self, client_frame::Body};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use super::super::sessions::{Answer, LiveSession};
use super::super::{SessionDirectory, SocketSettings};
use super::client::{Client, HEADERS, Person, request, unknown_subscription};
use super::relay::{Relay, Times};

/// What every refused proof is told.
const REFUSED: (u16, &str) = (4001, "not_authenticated");

async fn refused(relay: &Relay, forge: impl FnOnce(&Person, &[u8]) -> wire::Authenticate) {
    let (mut client, nonce) = Client::connect(relay).await;
    client
        .send(Body::Authenticate(forge(&Person::alice(), &nonce)))
        .await;
    let (code, reason) = client.closed().await;
    assert_eq!((code, reason.as_str()), REFUSED);
}

fn impatient() -> SocketSettings {
    SocketSettings {
        authenticate_within_ms: 50,
        ..SocketSettings::default()
    }
}

#[tokio::test]
async fn honest_client_is_served() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    let id = client.send(unknown_subscription()).await;
    let (answered, nack) = client.nack().await;
    assert_eq!((answered, nack.code.as_str()), (id, "not_found"));
    assert!(!nack.message.is_empty());
}

#[tokio::test]
async fn every_forged_proof_gets_the_same_answer() {
    let relay = Relay::start(SocketSettings::default()).await;
    refused(&relay, |alice, nonce| wire::Authenticate {
        signature: vec![0; 64].into(),
        ..alice.answer(nonce)
    })
    .await;
    refused(&relay, |alice, nonce| wire::Authenticate {
        session_token: vec![0; 32].into(),
        ..alice.answer(nonce)
    })
    .await;
    refused(&relay, |alice, nonce| {
        alice.answer_for("https://other.example.org", nonce)
    })
    .await;
    refused(&relay, |alice, _| alice.answer(&[0; 32])).await;
    // Each of Alice's token, session and principal with the rest of Bob.
    refused(&relay, |alice, nonce| wire::Authenticate {
        session_token: Person::bob().answer(nonce).session_token,
        ..alice.answer(nonce)
    })
    .await;
    refused(&relay, |alice, nonce| wire::Authenticate {
        session_id: Person::bob().session_id.to_bytes(),
        ..alice.answer(nonce)
    })
    .await;
    refused(&relay, |alice, nonce| wire::Authenticate {
        session_token: alice.answer(nonce).session_token,
        session_id: alice.session_id.to_bytes(),
        ..Person::bob().answer(nonce)
    })
    .await;
}

#[tokio::test]
async fn answer_to_another_sockets_challenge_is_refused() {
    let relay = Relay::start(SocketSettings::default()).await;
    let (_first, old_nonce) = Client::connect(&relay).await;
    refused(&relay, |alice, nonce| {
        assert_ne!(nonce, &old_nonce[..]);
        alice.answer(&old_nonce)
    })
    .await;
}

#[tokio::test]
async fn anything_but_authenticate_first_is_refused() {
    let relay = Relay::start(SocketSettings::default()).await;
    let (mut client, _) = Client::connect(&relay).await;
    client.send(unknown_subscription()).await;
    assert_eq!(client.closed().await.0, 4001);
}

#[tokio::test]
async fn second_authenticate_is_only_malformed() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    client
        .send(Body::Authenticate(Person::bob().answer(&[0; 32])))
        .await;
    assert_eq!(client.nack().await.1.code, "malformed");
}

#[tokio::test]
async fn silent_connection_is_closed_after_the_deadline() {
    let relay = Relay::start(impatient()).await;
    let (mut client, _) = Client::connect(&relay).await;
    assert_eq!(client.closed().await, (4001, "expired".to_owned()));
}

#[tokio::test]
async fn late_authenticate_is_not_looked_at() {
    let relay = Relay::start(impatient()).await;
    let (client, nonce) = Client::connect(&relay).await;
    let mut stream = client.socket.into_inner();
    let mut close = [0; 11];
    stream.read_exact(&mut close).await.unwrap();
    assert_eq!(&close, b"\x88\x09\x0f\xa1expired");
    let frame = wire::ClientFrame {
        request_id: 1,
        body: Some(Body::Authenticate(Person::alice().answer(&nonce))),
    };
    let frame = frame.encode_to_vec();
    let mut bytes = vec![0x82, 0xfe, 0, u8::try_from(frame.len()).unwrap(), 0, 0, 0, 0];
    bytes.extend(frame);
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(relay.closed(4001), 0, "the relay waits for the client to hang up");
    drop(stream);
    relay.is_empty().await;
    assert_eq!(relay.closed(4001), 1);
}

#[tokio::test]
async fn pings_do_not_prolong_the_deadline() {
    let relay = Relay::start(impatient()).await;
    let (mut client, _) = Client::connect(&relay).await;
    for _ in 0..5 {
        client.send_message(Message::Ping(vec![1].into())).await;
    }
    assert_eq!(client.closed().await.0, 4001);
}

#[tokio::test]
async fn large_first_frame_is_refused_before_it_has_arrived() {
    let relay = Relay::start(SocketSettings::default()).await;
    let (mut client, _) = Client::connect(&relay).await;
    // The header of a masked binary message of 200,000 bytes, of which only the first 5,000 are ever sent.
    client
        .send_raw(&[0x82, 0xff, 0, 0, 0, 0, 0, 3, 0x0d, 0x40, 0, 0, 0, 0])
        .await;
    client.send_raw(&[0; 5_000]).await;
    assert_eq!(client.closed().await, (1009, "too_large".to_owned()));
    let (mut client, _) = Client::connect(&relay).await;
    let large = vec![0; limits::MAX_AUTHENTICATE_FRAME + 1];
    client.send_message(Message::Binary(large.into())).await;
    assert_eq!(client.closed().await, (1009, "too_large".to_owned()));
}

#[tokio::test]
async fn revoked_session_loses_all_its_sockets() {
    let relay = Relay::start(SocketSettings::default()).await;
    let alice = Person::alice();
    let mut first = Client::log_in(&relay, &alice).await;
    let mut second = Client::log_in(&relay, &alice).await;
    let mut bob = Client::log_in(&relay, &Person::bob()).await;
    relay.sockets.end_session(&alice.session_id);
    for client in [&mut first, &mut second] {
        assert_eq!(client.closed().await, (4002, "not_authenticated".to_owned()));
    }
    bob.send(unknown_subscription()).await;
    assert_eq!(bob.nack().await.1.code, "not_found");
    relay.sockets.end_account(&Person::bob().account_id);
    assert_eq!(bob.closed().await.0, 4002);
}

#[tokio::test]
async fn session_revoked_at_another_relay_is_found_by_the_sweep() {
    let relay = Relay::start(SocketSettings::default()).await;
    let alice = Person::alice();
    let mut client = Client::log_in(&relay, &alice).await;
    relay.sockets.sweep().await.unwrap();
    client.send(unknown_subscription()).await;
    client.nack().await;
    relay.forget(&alice);
    relay.sockets.sweep().await.unwrap();
    assert_eq!(client.closed().await.0, 4002);
    refused(&relay, Person::answer).await;
}

#[tokio::test]
async fn expired_session_ends_its_socket() {
    let times = Times {
        session: Duration::from_millis(50),
        ..Times::default()
    };
    let relay = Relay::start_with(SocketSettings::default(), times).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    assert_eq!(client.closed().await.0, 4002);
}

#[tokio::test]
async fn refusals_before_the_upgrade_are_problem_documents() {
    let relay = Relay::start(SocketSettings::default()).await;
    for (target, headers, status, code) in [
        ("/v1/socket?token=abc", HEADERS.to_owned(), 400, "malformed"),
        (
            "/v1/socket",
            "Host: relay\r\n".to_owned(),
            426,
            "upgrade_required",
        ),
        (
            "/v1/socket",
            format!("{HEADERS}Origin: https://evil.example\r\n"),
            403,
            "origin_not_allowed",
        ),
    ] {
        let (mut stream, head) = request(&relay, target, &headers).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains("content-type: application/problem+json"), "{head}");
        let mut body = vec![0; 40];
        stream.read_exact(&mut body).await.unwrap();
        let start = format!("{{\"code\":\"{code}\"");
        assert!(
            body.starts_with(start.as_bytes()),
            "{}",
            String::from_utf8_lossy(&body)
        );
    }
}

/// Knows everybody, but does not get round to saying so.
struct Silent;

impl SessionDirectory for Silent {
    fn authenticate<'a>(&'a self, _: IpAddr, _: &'a SecretToken) -> Answer<'a, Option<LiveSession>> {
        std::future::pending().boxed()
    }

    fn signing_key(&self, _: PrincipalId) -> Answer<'_, Option<PublicKey>> {
        std::future::pending().boxed()
    }

    fn ended<'a>(&'a self, _: &'a [SessionId]) -> Answer<'a, Vec<SessionId>> {
        std::future::pending().boxed()
    }
}

#[tokio::test]
async fn nobody_is_told_to_log_in_again_because_the_database_is_slow() {
    let relay = Relay::start_on(impatient(), Times::default(), Arc::new(Silent)).await;
    let (mut client, nonce) = Client::connect(&relay).await;
    client
        .send(Body::Authenticate(Person::alice().answer(&nonce)))
        .await;
    assert_eq!(client.closed().await, (1013, "overloaded".to_owned()));
}
