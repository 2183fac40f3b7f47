use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use sealpost_protocol::close::CloseCode;
use sealpost_protocol::ids::{Incarnation, SpaceId};
use sealpost_protocol::wire::{Done, FetchedWrap, GoAway, Published};
use tokio::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::testing::wire::{Arrivals, INCARNATION, NoCredentials, PING_INTERVAL_MS, TestTransport};
use crate::transport::Incoming;

const SPACE: SpaceId = SpaceId::new([7; 32]);

fn start() -> (Socket, Arrivals) {
    let (transport, arrivals) = TestTransport::new();
    let rng = StdRng::seed_from_u64(1);
    let socket = Socket::start(Arc::new(transport), Arc::new(NoCredentials), rng);
    (socket, arrivals)
}

fn publish(socket: &Socket) -> tokio::task::JoinHandle<Result<Published, Error>> {
    let socket = socket.clone();
    tokio::spawn(async move { socket.publish(&SPACE, Vec::new()).await })
}

fn page(first_seq: u64) -> RelayBody {
    RelayBody::Page(wire::Page {
        first_seq,
        ..Default::default()
    })
}

#[tokio::test(start_paused = true)]
async fn answers_find_their_requests_in_any_order() {
    let (socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    let published = publish(&socket);
    let (first, _) = relay.receive().await;
    let fetching = tokio::spawn({
        let socket = socket.clone();
        async move { socket.fetch_wrap(&SPACE, 3, Vec::new()).await }
    });
    let (second, _) = relay.receive().await;
    let wrap = FetchedWrap {
        key_id: Bytes::from_static(b"key"),
        sealed: Bytes::new(),
    };
    relay.send(second, RelayBody::FetchedWrap(wrap.clone())).await;
    relay
        .send(first, RelayBody::Published(Published::default()))
        .await;
    assert_eq!(published.await.unwrap().unwrap(), Published::default());
    assert_eq!(fetching.await.unwrap().unwrap(), wrap);
    let connected = ConnectionState::Connected {
        incarnation: Incarnation::new(INCARNATION),
    };
    assert_eq!(*socket.state().borrow(), connected);
}

#[tokio::test(start_paused = true)]
async fn answer_of_another_kind_is_an_alarm() {
    let (socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    let published = publish(&socket);
    let (id, _) = relay.receive().await;
    relay.send(id, RelayBody::Done(Done {})).await;
    assert!(matches!(published.await.unwrap(), Err(Error::Integrity(_))));
}

#[tokio::test(start_paused = true)]
async fn request_fails_with_its_connection_and_the_next_one_waits_for_a_new_one() {
    let (socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    let lost = publish(&socket);
    relay.receive().await;
    relay.close(CloseCode::Restart.number()).await;
    assert!(matches!(lost.await.unwrap(), Err(Error::Network(_))));
    let waiting = publish(&socket);
    let mut relay = arrivals.authenticated().await;
    let (id, _) = relay.receive().await;
    relay.send(id, RelayBody::Published(Published::default())).await;
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn connections_that_fail_at_once_are_made_ever_more_rarely() {
    let (_socket, mut arrivals) = start();
    let begun = Instant::now();
    for _ in 0..12 {
        drop(arrivals.next().await);
    }
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_secs(30), "12 attempts took {elapsed:?}");
    assert!(elapsed < Duration::from_secs(12 * 60));
}

#[tokio::test(start_paused = true)]
async fn hint_of_a_relay_that_goes_away_sets_the_next_attempt() {
    let (_socket, mut arrivals) = start();
    let relay = arrivals.authenticated().await;
    let begun = Instant::now();
    let go_away = GoAway {
        reconnect_after_ms: 42_000,
        message: String::new(),
    };
    relay.send(0, RelayBody::GoAway(go_away)).await;
    arrivals.authenticated().await;
    assert_eq!(begun.elapsed().as_secs(), 42);
}

#[tokio::test(start_paused = true)]
async fn relay_that_sends_away_again_and_again_is_come_back_to_ever_more_rarely() {
    let (_socket, mut arrivals) = start();
    let begun = Instant::now();
    for _ in 0..12 {
        let relay = arrivals.authenticated().await;
        relay.send(0, RelayBody::GoAway(GoAway::default())).await;
    }
    let elapsed = begun.elapsed();
    assert!(
        elapsed > Duration::from_secs(30),
        "12 connections took {elapsed:?}"
    );
}

/// How long a relay takes to have a device come back `often` times, which answers it each time and then closes by this code.
async fn driven(credentials: impl Credentials, code: CloseCode, often: usize) -> Duration {
    let (transport, mut arrivals) = TestTransport::new();
    let rng = StdRng::seed_from_u64(1);
    let socket = Socket::start(Arc::new(transport), Arc::new(credentials), rng);
    let begun = Instant::now();
    for _ in 0..often {
        let mut relay = arrivals.authenticated().await;
        let published = publish(&socket);
        let (id, _) = relay.receive().await;
        relay.send(id, RelayBody::Published(Published::default())).await;
        published.await.unwrap().unwrap();
        relay.close(code.number()).await;
    }
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn relay_that_answers_and_cuts_again_and_again_is_not_come_back_to_at_once_for_ever() {
    let few = driven(NoCredentials, CloseCode::Restart, 30).await;
    assert!(few < Duration::from_secs(60), "a bad link is bridged: {few:?}");
    let many = driven(NoCredentials, CloseCode::Restart, 1_000).await;
    assert!(many > Duration::from_secs(2 * 3600), "{many:?}");
}

#[tokio::test(start_paused = true)]
async fn relay_that_ends_each_session_does_not_have_a_device_log_in_without_end() {
    let renewed = Arc::new(AtomicUsize::new(0));
    let took = driven(Renewing(Arc::clone(&renewed)), CloseCode::SessionEnded, 1_000).await;
    assert!(renewed.load(Ordering::Relaxed) >= 999);
    assert!(took > Duration::from_secs(2 * 3600), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn relay_that_goes_away_may_still_answer() {
    let (socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    let published = publish(&socket);
    let (id, _) = relay.receive().await;
    relay.send(0, RelayBody::GoAway(GoAway::default())).await;
    relay.send(id, RelayBody::Published(Published::default())).await;
    assert!(published.await.unwrap().is_ok());
    assert!(relay.hung_up().await);
}

#[tokio::test(start_paused = true)]
async fn silent_relay_is_left_and_pings_keep_it() {
    let (_socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    let ping = Duration::from_millis(PING_INTERVAL_MS.into());
    for _ in 0..5 {
        tokio::time::sleep(ping).await;
        relay.deliver(Ok(Incoming::Alive)).await;
    }
    let begun = Instant::now();
    assert!(relay.hung_up().await);
    assert_eq!(begun.elapsed(), ping * 2 + Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn who_waits_when_the_session_ends_is_told_so_and_not_that_the_network_failed() {
    let (socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    let published = publish(&socket);
    relay.receive().await;
    let mut subscription = socket.subscribe(wire::Subscribe::default()).await;
    relay.receive().await;
    relay.close(CloseCode::SessionEnded.number()).await;
    assert!(matches!(
        published.await.unwrap(),
        Err(Error::NotAuthenticated(_))
    ));
    let ended = subscription.next().await;
    assert!(matches!(
        ended,
        SubscriptionEvent::Ended(Error::NotAuthenticated(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_that_the_relay_refuses_is_told_to_log_in() {
    let (socket, mut arrivals) = start();
    let published = publish(&socket);
    let mut relay = arrivals.next().await;
    relay.challenge().await;
    let (id, _) = relay.receive().await;
    relay.nack(id, "not_authenticated").await;
    assert!(matches!(
        published.await.unwrap(),
        Err(Error::NotAuthenticated(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn ended_session_stops_the_socket_for_good() {
    let (socket, mut arrivals) = start();
    let relay = arrivals.authenticated().await;
    relay.close(CloseCode::SessionEnded.number()).await;
    let mut state = socket.state();
    let stopped = |state: &ConnectionState| matches!(state, ConnectionState::Stopped { .. });
    state.wait_for(stopped).await.unwrap();
    let result = socket.publish(&SPACE, Vec::new()).await;
    assert!(matches!(result, Err(Error::NotAuthenticated(_))));
    let mut subscription = socket.subscribe(wire::Subscribe::default()).await;
    let ended = subscription.next().await;
    assert!(matches!(
        ended,
        SubscriptionEvent::Ended(Error::NotAuthenticated(_))
    ));
    assert!(arrivals.is_empty());
}

#[tokio::test(start_paused = true)]
async fn refused_proof_stops_the_socket_and_an_overloaded_relay_does_not() {
    let (socket, mut arrivals) = start();
    for (code, stops) in [("overloaded", false), ("not_authenticated", true)] {
        let mut relay = arrivals.next().await;
        relay.challenge().await;
        let (id, _) = relay.receive().await;
        relay.nack(id, code).await;
        assert!(relay.hung_up().await);
        let stopped = matches!(*socket.state().borrow(), ConnectionState::Stopped { .. });
        assert_eq!(stopped, stops, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn proof_that_came_too_late_is_given_again() {
    let (socket, mut arrivals) = start();
    for (reason, stops) in [("expired", false), ("not_authenticated", true)] {
        let mut relay = arrivals.next().await;
        relay.challenge().await;
        relay.receive().await;
        relay
            .close_because(CloseCode::NotAuthenticated.number(), reason)
            .await;
        assert!(relay.hung_up().await);
        let stopped = matches!(*socket.state().borrow(), ConnectionState::Stopped { .. });
        assert_eq!(stopped, stops, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_nobody_takes_stop_the_reading_and_lose_nothing() {
    let (socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    let mut subscription = socket.subscribe(wire::Subscribe::default()).await;
    let (id, _) = relay.receive().await;
    relay
        .send(id, RelayBody::Subscribed(wire::Subscribed::default()))
        .await;
    let feeding = tokio::spawn(async move {
        for seq in 1..=100 {
            relay.send(id, page(seq)).await;
        }
        relay
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        !feeding.is_finished(),
        "an unread socket takes a bounded number of pages"
    );
    assert!(matches!(subscription.next().await, SubscriptionEvent::Started(_)));
    for seq in 1..=100 {
        let SubscriptionEvent::Page(page) = subscription.next().await else {
            panic!("page {seq} is missing");
        };
        assert_eq!(page.first_seq, seq);
    }
    feeding.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn subscription_goes_on_when_a_member_asks_for_a_wrap() {
    let (socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    let mut subscription = socket.subscribe(wire::Subscribe::default()).await;
    let (id, _) = relay.receive().await;
    relay
        .send(id, RelayBody::WrapWanted(wire::WrapWanted::default()))
        .await;
    relay.send(id, page(1)).await;
    assert!(matches!(subscription.next().await, SubscriptionEvent::WrapWanted));
    let next = subscription.next().await;
    assert!(matches!(next, SubscriptionEvent::Page(page) if page.first_seq == 1));
}

#[tokio::test(start_paused = true)]
async fn dropped_subscription_is_ended_at_the_relay() {
    let (socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    drop(socket.subscribe(wire::Subscribe::default()).await);
    let (id, _) = relay.receive().await;
    relay.send(id, page(1)).await;
    let (_, body) = relay.receive().await;
    assert_eq!(
        body,
        ClientBody::Unsubscribe(wire::Unsubscribe { subscription: id })
    );
}

#[tokio::test(start_paused = true)]
async fn garbage_ends_the_connection_only() {
    let (_socket, mut arrivals) = start();
    let mut relay = arrivals.authenticated().await;
    relay
        .deliver(Ok(Incoming::Frame(Bytes::from_static(&[0xff; 40]))))
        .await;
    assert!(relay.hung_up().await);
    arrivals.authenticated().await;
}

/// An agent's: there is always another session.
struct Renewing(Arc<AtomicUsize>);

impl Credentials for Renewing {
    fn authenticate<'a>(&'a self, nonce: &'a [u8]) -> BoxFuture<'a, Result<wire::Authenticate, Error>> {
        NoCredentials.authenticate(nonce)
    }

    fn renew(&self) -> BoxFuture<'_, Result<bool, Error>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(true) })
    }
}

#[tokio::test(start_paused = true)]
async fn renewed_session_that_no_handshake_proves_stops_the_socket() {
    let (transport, mut arrivals) = TestTransport::new();
    let renewed = Arc::<AtomicUsize>::default();
    let credentials = Arc::new(Renewing(Arc::clone(&renewed)));
    let socket = Socket::start(Arc::new(transport), credentials, StdRng::seed_from_u64(1));
    for _ in 0..2 {
        // A session that ended is renewed, as often as one was accepted before.
        let relay = arrivals.authenticated().await;
        relay.close(CloseCode::SessionEnded.number()).await;
    }
    let mut relay = arrivals.next().await;
    let is_stopped = matches!(*socket.state().borrow(), ConnectionState::Stopped { .. });
    assert!(!is_stopped);
    relay.challenge().await;
    let (id, _) = relay.receive().await;
    relay.nack(id, "not_authenticated").await;
    assert!(relay.hung_up().await);
    let mut state = socket.state();
    let stopped = |state: &ConnectionState| matches!(state, ConnectionState::Stopped { .. });
    state.wait_for(stopped).await.unwrap();
    assert_eq!(renewed.load(Ordering::Relaxed), 2);
}
