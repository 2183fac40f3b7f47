//! Frames that break the WebSocket protocol or this one: each is answered with the close code it deserves.

use futures_util::{SinkExt, StreamExt};
use sealpost_protocol::limits;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::super::SocketSettings;
use super::client::{Client, Person};
use super::relay::Relay;

async fn close_after(bytes: &[u8]) -> (u16, String) {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    client.send_raw(bytes).await;
    client.closed().await
}

fn close(code: u16, reason: &str) -> (u16, String) {
    (code, reason.to_owned())
}

#[tokio::test]
async fn garbage_is_a_protocol_error() {
    assert_eq!(close_after(&[0xff; 100]).await, close(1002, ""));
    assert_eq!(close_after(b"GET / HTTP/1.1\r\n\r\n").await.0, 1002);
}

#[tokio::test]
async fn message_that_is_no_frame_is_malformed() {
    let bytes = [0x82, 0x83, 0, 0, 0, 0, 0xff, 0xff, 0xff];
    assert_eq!(close_after(&bytes).await, close(1002, "malformed"));
}

#[tokio::test]
async fn unmasked_frame_is_a_protocol_error() {
    assert_eq!(close_after(&[0x82, 0x01, 0x00]).await, close(1002, ""));
}

#[tokio::test]
async fn reserved_bits_are_a_protocol_error() {
    for reserved in [0x40, 0x20, 0x10] {
        let bytes = [0x82 | reserved, 0x80, 0, 0, 0, 0];
        assert_eq!(close_after(&bytes).await, close(1002, ""));
    }
}

#[tokio::test]
async fn fragmented_or_long_control_frames_are_protocol_errors() {
    assert_eq!(close_after(&[0x09, 0x80, 0, 0, 0, 0]).await, close(1002, ""));
    let mut long_ping = vec![0x89, 0xfe, 0, 126, 0, 0, 0, 0];
    long_ping.resize(long_ping.len() + 126, 0);
    assert_eq!(close_after(&long_ping).await, close(1002, ""));
}

#[tokio::test]
async fn text_is_not_supported() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    client.send_message(Message::Text("hello".into())).await;
    assert_eq!(client.closed().await, close(1003, ""));
}

#[tokio::test]
async fn text_that_is_not_utf8_is_an_invalid_payload() {
    assert_eq!(
        close_after(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).await,
        close(1007, "")
    );
}

#[tokio::test]
async fn message_over_the_limit_is_too_large() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    let large = vec![0; limits::MAX_FRAME + 1];
    // The relay may close while the rest is still on its way.
    let _ = client.socket.send(Message::Binary(large.into())).await;
    assert_eq!(client.closed().await, close(1009, "too_large"));
}

#[tokio::test]
async fn fragments_over_the_limit_together_are_too_large() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    let mut fragment = vec![0x02, 0xfe, 0xff, 0xff, 0, 0, 0, 0];
    fragment.resize(fragment.len() + 0xffff, 0);
    for _ in 0..5 {
        client.send_raw(&fragment).await;
        fragment[0] = 0x00;
    }
    assert_eq!(client.closed().await, close(1009, "too_large"));
}

#[tokio::test]
async fn clients_close_is_answered() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    client.send_message(Message::Close(Some(frame.clone()))).await;
    assert_eq!(
        client.socket.next().await.unwrap().unwrap(),
        Message::Close(Some(frame))
    );
    relay.is_empty().await;
    assert_eq!(relay.closed(0), 1);
}

#[tokio::test]
async fn ping_is_answered_with_its_payload() {
    let relay = Relay::start(SocketSettings::default()).await;
    let mut client = Client::log_in(&relay, &Person::alice()).await;
    client.send_message(Message::Ping(vec![1, 2, 3].into())).await;
    assert_eq!(
        client.socket.next().await.unwrap().unwrap(),
        Message::Pong(vec![1, 2, 3].into())
    );
}
