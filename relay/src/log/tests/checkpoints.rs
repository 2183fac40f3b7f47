//! What the relay signs of a log.

use sealpost_protocol::checkpoint::Checkpoint;
use sealpost_protocol::ids::SpaceId;

use super::actors::Actor;
use super::chat::Chat;
use crate::log::{LogError, LogService};
use crate::testing::TestLog;

async fn signed(relay: &LogService, chat: &Chat, member: &Actor) -> Result<Checkpoint, LogError> {
    let signed = relay.checkpoint(&member.principal(), chat.id()).await?;
    let key = relay.checkpoint_key().await?;
    Ok(Checkpoint::verify(&signed, &key).unwrap())
}

#[tokio::test]
async fn the_end_of_a_log_is_signed_for_its_members_by_one_key_at_every_relay() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relays = [log.relay().await, log.relay().await];
    let mut chat = Chat::create(&relays[0], &alice).await;
    chat.add(&relays[0], &alice, &bob).await;
    for relay in &relays {
        for member in [&alice, &bob] {
            let checkpoint = signed(relay, &chat, member).await.unwrap();
            assert_eq!((checkpoint.space_id, checkpoint.at), (chat.id(), chat.cursor()));
        }
    }
    let keys = [relays[0].checkpoint_key().await, relays[1].checkpoint_key().await];
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn nothing_is_signed_for_who_is_no_member_or_of_what_is_no_space() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    assert_eq!(signed(&relay, &chat, &bob).await, Err(LogError::NotAMember));
    chat.add(&relay, &alice, &bob).await;
    assert!(signed(&relay, &chat, &bob).await.is_ok());
    let removal = chat.removal(&relay, &alice, &bob).await;
    chat.all(&relay, &alice, removal).await;
    assert_eq!(signed(&relay, &chat, &bob).await, Err(LogError::NotAMember));
    let unknown = relay.checkpoint(&alice.principal(), SpaceId::new([3; 32])).await;
    assert!(unknown.is_err());
}
