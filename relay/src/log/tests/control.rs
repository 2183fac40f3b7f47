//! Control records and the wraps that they name.

use sealpost_protocol::wire;

use super::actors::Actor;
use super::chat::{Chat, key_id, sealed_wrap};
use crate::log::LogError;
use crate::testing::TestLog;

#[tokio::test]
async fn a_member_who_was_added_finds_the_space_and_its_wrap_and_writes() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    assert_eq!(chat.wrap(&relay, &bob, 1).await, Err(LogError::NotAMember));
    chat.add(&relay, &alice, &bob).await;
    assert_eq!(
        relay.spaces_of(&bob.id()).await.unwrap(),
        [(chat.id(), chat.cursor().seq)]
    );
    for person in [&alice, &bob] {
        let wrap = chat.wrap(&relay, person, 1).await;
        assert_eq!(wrap, Ok((key_id(1), sealed_wrap(1, &person.id()))));
    }
    chat.say(&relay, &bob, "hello").await;
    assert_eq!(chat.wrap(&relay, &bob, 2).await, Err(LogError::NoWrap));
}

#[tokio::test]
async fn a_rekey_needs_the_wraps_of_exactly_the_members() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.add(&relay, &alice, &bob).await;
    let body = chat.rekey_body();
    for staged in [vec![], vec![alice.id()]] {
        chat.stage(&relay, &alice, 2, &staged).await.unwrap();
        let refused = chat.control(&relay, &alice, body.clone()).await;
        assert_eq!(refused, Err(LogError::WrapsMismatch));
    }
    let everybody = [alice.id(), bob.id()];
    assert_eq!(chat.stage(&relay, &alice, 2, &everybody).await, Ok(2));
    chat.control(&relay, &alice, body).await.unwrap();
    let wrap = chat.wrap(&relay, &bob, 2).await;
    assert_eq!(wrap, Ok((key_id(2), sealed_wrap(2, &bob.id()))));
}

#[tokio::test]
async fn a_wrap_too_many_is_a_mismatch() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.stage(&relay, &alice, 2, &[alice.id(), Actor::mallory().id()])
        .await
        .unwrap();
    let refused = chat.control(&relay, &alice, chat.rekey_body()).await;
    assert_eq!(refused, Err(LogError::WrapsMismatch));
}

#[tokio::test]
async fn wraps_that_another_member_staged_do_not_count() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.add(&relay, &alice, &bob).await;
    chat.stage(&relay, &bob, 2, &chat.members()).await.unwrap();
    let refused = chat.control(&relay, &alice, chat.rekey_body()).await;
    assert_eq!(refused, Err(LogError::WrapsMismatch));
}

#[tokio::test]
async fn an_add_needs_the_wrap_that_it_names() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let refused = chat.control(&relay, &alice, chat.add_body(&bob)).await;
    assert_eq!(refused, Err(LogError::WrapsMismatch));
}

#[tokio::test]
async fn who_may_not_add_is_told_so_whatever_is_staged() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.add(&relay, &alice, &bob).await;
    let refused = chat.control(&relay, &bob, chat.add_body(&Actor::mallory())).await;
    assert_eq!(refused.unwrap_err().code().as_str(), "not_permitted");
}

#[tokio::test]
async fn the_loser_of_a_race_between_records_is_told_so() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let loser = chat.record(&alice, chat.rekey_body());
    chat.add(&relay, &alice, &Actor::bob()).await;
    let outcome = chat.publish(&relay, &alice, vec![loser]).await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "control_conflict");
}

#[tokio::test]
async fn wraps_are_staged_for_the_current_or_the_next_epoch_by_members_only() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let chat = Chat::create(&relay, &alice).await;
    let recipients = [alice.id()];
    let code = |result: Result<u32, LogError>| result.unwrap_err().code().as_str();
    for epoch in [0, 3] {
        assert_eq!(
            code(chat.stage(&relay, &alice, epoch, &recipients).await),
            "stale_epoch"
        );
    }
    assert_eq!(
        code(chat.stage(&relay, &Actor::mallory(), 2, &recipients).await),
        "not_a_member"
    );
    let twice = [alice.id(), alice.id()];
    assert_eq!(code(chat.stage(&relay, &alice, 2, &twice).await), "malformed");
}

#[tokio::test]
async fn staged_wraps_are_limited_for_each_member() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = crate::log::LogLimits {
        staged_wraps_per_member: 3,
        ..Default::default()
    };
    let relay = log.relay_with(limits).await;
    let chat = Chat::create(&relay, &alice).await;
    let recipients: Vec<_> = (0..4).map(|n| Actor::new(n + 10).id()).collect();
    assert_eq!(chat.stage(&relay, &alice, 2, &recipients[..3]).await, Ok(3));
    assert_eq!(chat.stage(&relay, &alice, 2, &recipients[..3]).await, Ok(3));
    let refused = chat.stage(&relay, &alice, 2, &recipients).await;
    assert_eq!(refused, Err(LogError::TooLarge { limit: 3 }));
}

#[tokio::test]
async fn a_forged_genesis_record_makes_no_space() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let (chat, mut genesis) = Chat::draft(&alice, wire::Policy::default());
    if let Some(wire::entry::Kind::Control(control)) = &mut genesis.kind {
        control.signature = vec![1; 64].into();
    }
    let outcome = chat.publish(&relay, &alice, vec![genesis]).await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "bad_signature");
    assert_eq!(relay.spaces_of(&alice.id()).await.unwrap(), []);
}
