//! How the relay takes its leave.

use sealpost_protocol::wire::relay_frame::Body;

use super::super::SocketSettings;
use super::client::{Client, HEADERS, Person, request, unknown_subscription};
use super::relay::Relay;

#[tokio::test]
async fn leaving_relay_says_so_serves_on_and_closes_with_restart() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    relay.sockets.go_away();
    let Some(Body::GoAway(go_away)) = client.receive().await.body else {
        panic!("expected a GoAway");
    };
    assert!(
        go_away.reconnect_after_ms < 10,
        "one client need not wait for others"
    );
    client.send(unknown_subscription()).await;
    assert_eq!(client.nack().await.1.code, "not_found");
    let (closed, ()) = tokio::join!(client.closed(), relay.sockets.close_all());
    assert_eq!(closed.0, 1012);
    assert_eq!(relay.closed(1012), 1);
}

#[tokio::test]
async fn reconnect_delays_differ() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::log_in(&relay, &Person::alice()).await);
    }
    relay.sockets.go_away();
    let mut delays = Vec::new();
    for client in &mut clients {
        match client.receive().await.body {
            Some(Body::GoAway(go_away)) => delays.push(go_away.reconnect_after_ms),
            other => panic!("expected a GoAway, got {other:?}"),
        }
    }
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 4, "{delays:?}");
}

#[tokio::test]
async fn leaving_relay_takes_no_new_sockets_and_drops_strangers() {
    let relay = Relay::start(SocketSettings::default()).await;
    let (mut stranger, _) = Client::connect(&relay).await;
    relay.sockets.go_away();
    let (_, head) = request(&relay, "/v1/socket", HEADERS).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("retry-after: "), "{head}");
    let (closed, ()) = tokio::join!(stranger.closed(), relay.sockets.close_all());
    assert_eq!(closed.0, 1012);
}

#[tokio::test]
async fn notice_reaches_every_client() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut alice = Client::log_in(&relay, &Person::alice()).await;
    let mut bob = Client::log_in(&relay, &Person::bob()).await;
    relay.sockets.tell("maintenance", "Tonight at ten.");
    for client in [&mut alice, &mut bob] {
        match client.receive().await.body {
            Some(Body::Notice(notice)) => assert_eq!(notice.message, "Tonight at ten."),
            other => panic!("expected a notice, got {other:?}"),
        }
    }
}
