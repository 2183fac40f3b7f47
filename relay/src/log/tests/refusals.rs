//! What a hostile client sends is refused, with the right code, and leaves the log as it is.

use sealpost_protocol::event::EventHeader;
use sealpost_protocol::ids::{EventId, KeyId, Root, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, entry::Kind};

use super::actors::Actor;
use super::chat::{Chat, acked, event_entry, key_id};
use crate::log::LogService;
use crate::testing::TestLog;

struct Scene {
    relay: LogService,
    chat: Chat,
    alice: Actor,
}

impl Scene {
    async fn new() -> Self {
        let (log, alice) = (TestLog::new().await, Actor::alice());
        let relay = log.relay().await;
        let mut chat = Chat::create(&relay, &alice).await;
        for text in ["one", "two"] {
            chat.say(&relay, &alice, text).await;
        }
        Self { relay, chat, alice }
    }

    /// The code that an entry is refused with. After that, the log takes Alice's next event at the next place.
    async fn code(&mut self, sender: &Actor, entry: wire::Entry) -> String {
        let outcome = self.chat.publish(&self.relay, sender, vec![entry]).await;
        assert!(outcome.acks.is_empty());
        let alice = self.alice.clone();
        self.chat.say(&self.relay, &alice, "still works").await;
        outcome.refusal.unwrap().code().as_str().to_owned()
    }

    /// The code for an event of Alice with a changed header.
    async fn code_of(&mut self, change: impl FnOnce(&mut EventHeader)) -> String {
        let mut header = self.chat.header(&self.alice);
        change(&mut header);
        let alice = self.alice.clone();
        let entry = event_entry(&header, &alice, "changed");
        self.code(&alice, entry).await
    }
}

#[tokio::test]
async fn events_that_do_not_fit_their_place_are_refused() {
    let mut scene = Scene::new().await;
    assert_eq!(
        scene
            .code_of(|header| header.space_id = SpaceId::new([3; 32]))
            .await,
        "malformed"
    );
    assert_eq!(scene.code_of(|header| header.epoch = 2).await, "stale_epoch");
    assert_eq!(
        scene.code_of(|header| header.key_id = KeyId::new([3; 32])).await,
        "wrong_key"
    );
    assert_eq!(
        scene.code_of(|header| header.writer_index += 1).await,
        "writer_gap"
    );
    let other = Some(EventId::new([3; 32]));
    assert_eq!(
        scene.code_of(|header| header.previous_event_id = other).await,
        "writer_conflict"
    );
    assert_eq!(
        scene
            .code_of(|header| header.control_head = EventId::new([3; 32]))
            .await,
        "control_conflict"
    );
    assert_eq!(
        scene
            .code_of(|header| header.seen.root = Root::new([3; 32]))
            .await,
        "seen_mismatch"
    );
    assert_eq!(
        scene.code_of(|header| header.seen.seq += 1).await,
        "seen_mismatch"
    );
}

#[tokio::test]
async fn another_event_at_a_used_index_is_a_conflict() {
    let mut scene = Scene::new().await;
    let first = scene.chat.header(&scene.alice);
    let alice = scene.alice.clone();
    scene.chat.say(&scene.relay, &alice, "first").await;
    let entry = event_entry(&first, &alice, "second, at the same index");
    assert_eq!(scene.code(&alice, entry).await, "writer_conflict");
}

#[tokio::test]
async fn what_a_writer_has_seen_never_decreases() {
    let mut scene = Scene::new().await;
    let earlier = scene.chat.at(1);
    assert_eq!(
        scene.code_of(|header| header.seen = earlier).await,
        "seen_mismatch"
    );
}

#[tokio::test]
async fn a_forged_signature_is_refused() {
    let mut scene = Scene::new().await;
    let mallory = Actor::mallory();
    let forged = event_entry(&scene.chat.header(&scene.alice), &mallory, "signed by Mallory");
    let alice = scene.alice.clone();
    assert_eq!(scene.code(&alice, forged).await, "bad_signature");
    let mut flipped = scene.chat.event(&scene.alice, "flipped");
    if let Some(Kind::Event(event)) = &mut flipped.kind {
        let mut signature = event.signature.to_vec();
        signature[5] ^= 1;
        event.signature = signature.into();
    }
    assert_eq!(scene.code(&alice, flipped).await, "bad_signature");
}

#[tokio::test]
async fn nobody_sends_for_another() {
    let mut scene = Scene::new().await;
    let stolen = scene.chat.event(&scene.alice, "by Alice");
    assert_eq!(scene.code(&Actor::mallory(), stolen).await, "bad_signature");
}

#[tokio::test]
async fn strangers_and_unknown_spaces_are_answered_alike() {
    let mut scene = Scene::new().await;
    let mallory = Actor::mallory();
    let entry = event_entry(
        &EventHeader {
            principal_id: mallory.id(),
            writer_index: 1,
            previous_event_id: None,
            ..scene.chat.header(&mallory)
        },
        &mallory,
        "hello",
    );
    assert_eq!(scene.code(&mallory, entry).await, "not_a_member");
    let unknown = SpaceId::new([5; 32]);
    let header = EventHeader {
        space_id: unknown,
        ..scene.chat.header(&scene.alice)
    };
    let entry = event_entry(&header, &scene.alice, "hello");
    let outcome = scene
        .relay
        .publish(&scene.alice.principal(), unknown, vec![entry])
        .await;
    assert_eq!(outcome.refusal.unwrap().code().as_str(), "not_a_member");
    let subscribed = scene
        .relay
        .subscribe(&mallory.principal(), scene.chat.id(), scene.chat.start())
        .await;
    assert_eq!(subscribed.unwrap_err().code().as_str(), "not_a_member");
    let subscribed = scene
        .relay
        .subscribe(&mallory.principal(), unknown, Cursor::start(&unknown))
        .await;
    assert_eq!(subscribed.unwrap_err().code().as_str(), "not_a_member");
}

#[tokio::test]
async fn an_event_without_its_ciphertext_is_refused() {
    let mut scene = Scene::new().await;
    let mut entry = scene.chat.event(&scene.alice, "dropped");
    if let Some(Kind::Event(event)) = &mut entry.kind {
        *event = sealpost_protocol::event::without_ciphertext(event);
    }
    let alice = scene.alice.clone();
    assert_eq!(scene.code(&alice, entry).await, "malformed");
}

#[tokio::test]
async fn an_event_of_an_earlier_epoch_is_told_the_current_one() {
    let mut scene = Scene::new().await;
    let alice = scene.alice.clone();
    let late = scene.chat.event(&alice, "sealed before the rekey");
    scene.chat.rekey(&scene.relay, &alice).await.unwrap();
    let outcome = scene.chat.publish(&scene.relay, &alice, vec![late]).await;
    let nack = outcome.refusal.unwrap().to_nack();
    assert_eq!((nack.code.as_str(), nack.epoch), ("stale_epoch", 2));
    assert_eq!(scene.chat.header(&alice).key_id, key_id(2));
    acked(
        scene
            .chat
            .publish(&scene.relay, &alice, vec![scene.chat.event(&alice, "again")])
            .await,
    );
}
