//! Members without a usable wrap ask, and others answer.

use futures_util::FutureExt;
use sealpost_protocol::wire;
use sealpost_protocol::wrap::wrap_hash;

use super::actors::Actor;
use super::chat::{Chat, key_id, sealed_wrap};
use crate::log::{Live, LogError};
use crate::testing::TestLog;

#[tokio::test]
async fn a_member_that_asks_is_told_of_and_gets_another_wrap() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let (relay, other) = (log.relay().await, log.relay().await);
    let mut chat = Chat::create(&relay, &alice).await;
    chat.add(&relay, &alice, &bob).await;
    let mut listening = chat.subscribed(&relay, &alice).await.1;
    relay.ask_for_wrap(&bob.principal(), chat.id(), 1).await.unwrap();
    relay.ask_for_wrap(&bob.principal(), chat.id(), 1).await.unwrap();
    let request = wire::WrapRequest {
        epoch: 1,
        recipient: bob.id().to_bytes(),
    };
    let told = listening.signals.next().now_or_never().flatten().unwrap();
    assert!(matches!(told, Live::WrapWanted(told) if told == request));
    let requests = other.wrap_requests(&alice.principal(), chat.id()).await;
    assert_eq!(requests, Ok(vec![request]));
    let unusable = wrap_hash(&sealed_wrap(1, &bob.id()));
    let refused = chat.wrap_but(&relay, &bob, 1, &[unusable]).await;
    assert_eq!(refused, Err(LogError::NoWrap));
    chat.stage(&other, &alice, 1, &[bob.id()]).await.unwrap();
    let answered = chat.wrap(&relay, &bob, 1).await;
    assert_eq!(answered, Ok((key_id(1), sealed_wrap(1, &bob.id()))));
    let requests = relay.wrap_requests(&alice.principal(), chat.id()).await;
    assert_eq!(requests, Ok(vec![]));
}

#[tokio::test]
async fn an_earlier_epoch_can_be_wrapped_again_under_its_own_key_only() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.rekey(&relay, &alice).await.unwrap();
    chat.add(&relay, &alice, &bob).await;
    assert_eq!(chat.wrap(&relay, &bob, 1).await, Err(LogError::NoWrap));
    relay.ask_for_wrap(&bob.principal(), chat.id(), 1).await.unwrap();
    let poisoned = wire::StageWraps {
        space_id: chat.id().to_bytes(),
        epoch: 1,
        key_id: key_id(9).to_bytes(),
        wraps: vec![],
    };
    let refused = relay.stage_wraps(&alice.principal(), chat.id(), poisoned).await;
    assert_eq!(refused.unwrap_err().code().as_str(), "wrong_key");
    chat.stage(&relay, &alice, 1, &[bob.id()]).await.unwrap();
    chat.wrap(&relay, &bob, 1).await.unwrap();
}

#[tokio::test]
async fn only_members_ask_and_only_for_epochs_that_were() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let chat = Chat::create(&relay, &alice).await;
    let mallory = Actor::mallory().principal();
    assert_eq!(
        relay.ask_for_wrap(&mallory, chat.id(), 1).await,
        Err(LogError::NotAMember)
    );
    assert_eq!(
        relay.wrap_requests(&mallory, chat.id()).await,
        Err(LogError::NotAMember)
    );
    for epoch in [0, 2, u64::MAX] {
        let refused = relay.ask_for_wrap(&alice.principal(), chat.id(), epoch).await;
        assert_eq!(refused, Err(LogError::NoWrap));
    }
}
