//! Sockets of members who are removed, and of those who join.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use sealpost_protocol::invite::sign_invite_lookup;
use sealpost_protocol::wire::client_frame::Body as Request;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{self, Subscribe};

use super::super::SocketSettings;
use super::client::{Client, Person};
use super::relay::Relay;
use crate::log::tests::chat::{Chat, remove};

#[tokio::test]
async fn socket_of_a_removed_member_is_told_why_and_closed() {
    let relay = Relay::start(SocketSettings::default()).await;
    let (alice, bob) = (Person::alice(), Person::bob());
    let mut chat = Chat::create(&relay.log, &alice.actor).await;
    chat.add(&relay.log, &alice.actor, &bob.actor).await;
    let mut client = Client::log_in(&relay, &bob).await;
    let at = chat.cursor();
    let subscription = client
        .send(Request::Subscribe(Subscribe {
            space_id: chat.id().to_bytes(),
            after_seq: at.seq,
            after_root: at.root.to_bytes(),
        }))
        .await;
    assert!(matches!(client.receive().await.body, Some(Body::Subscribed(_))));
    chat.control(&relay.log, &alice.actor, remove(&bob.actor))
        .await
        .unwrap();
    let ended = client.receive().await;
    let Some(Body::SubscriptionEnded(wire::SubscriptionEnded { reason: Some(reason) })) = ended.body else {
        panic!("expected the end of the subscription");
    };
    assert_eq!(
        (ended.request_id, reason.code.as_str()),
        (subscription, "not_a_member")
    );
    assert_eq!(client.closed().await, (4004, "not_a_member".to_owned()));
}

#[tokio::test]
async fn requests_about_wraps_and_invites_are_answered() {
    let relay = Relay::start(SocketSettings::default()).await;
    let (alice, bob) = (Person::alice(), Person::bob());
    let mut chat = Chat::create(&relay.log, &alice.actor).await;
    chat.add(&relay.log, &alice.actor, &bob.actor).await;
    let mut client = Client::log_in(&relay, &bob).await;
    let space_id = chat.id().to_bytes();
    let ask = wire::AskForWrap {
        space_id: space_id.clone(),
        epoch: 1,
    };
    client.send(Request::AskForWrap(ask)).await;
    assert!(matches!(client.receive().await.body, Some(Body::Done(_))));
    let fetch = wire::FetchWrapRequests {
        space_id: space_id.clone(),
    };
    client.send(Request::FetchWrapRequests(fetch)).await;
    let Some(Body::WrapRequests(requests)) = client.receive().await.body else {
        panic!("expected who waits");
    };
    assert_eq!(requests.requests.len(), 1);
    let key = SigningKey::from_bytes(&[7; 32]);
    let signature = sign_invite_lookup(&key, &chat.id(), &bob.principal_id());
    let fetch = wire::FetchInvite {
        space_id,
        invite_key: Bytes::copy_from_slice(key.verifying_key().as_bytes()),
        signature: Bytes::copy_from_slice(&signature),
        after_control_index: 0,
    };
    client.send(Request::FetchInvite(fetch)).await;
    assert_eq!(client.nack().await.1.code, "invite_void");
}
