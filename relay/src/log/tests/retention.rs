//! What policies no longer keep.

use sealpost_protocol::event::without_ciphertext;
use sealpost_protocol::wire::{self, entry::Kind};
use time::Duration;

use super::actors::Actor;
use super::chat::{Chat, read_to};
use crate::log::Page;
use crate::testing::TestLog;

const DAY: u64 = 24 * 60 * 60;

async fn read(relay: &crate::log::LogService, chat: &Chat, reader: &Actor) -> Vec<wire::Entry> {
    let mut subscription = relay
        .subscribe(&reader.principal(), chat.id(), chat.start())
        .await
        .unwrap();
    let mut entries = Vec::new();
    while (entries.len() as u64) < chat.cursor().seq {
        let pages = subscription.reader.next_pages(1 << 20).await.unwrap();
        let read = pages.iter().flat_map(Page::entries);
        entries.extend(read.map(|entry| entry.decode().unwrap()));
    }
    entries
}

fn is_dropped(entry: &wire::Entry) -> bool {
    matches!(&entry.kind, Some(Kind::Event(event)) if !event.ciphertext_hash.is_empty())
}

#[tokio::test]
async fn old_ciphertexts_are_dropped_and_nothing_else() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create_with(&relay, &alice, DAY).await;
    let other = alice.at_device(9);
    let mut kept_for_ever = Chat::create(&relay, &other).await;
    for _ in 0..3 {
        chat.say(&relay, &alice, "old").await;
        kept_for_ever.say(&relay, &other, "old").await;
    }
    chat.rekey(&relay, &alice).await.unwrap();
    log.clock.advance(Duration::days(1) + Duration::SECOND);
    chat.say(&relay, &alice, "new").await;
    let before = read(&relay, &chat, &alice).await;
    assert_eq!(relay.drop_expired().await, Ok(3));
    assert_eq!(relay.drop_expired().await, Ok(0));
    let after = read(&relay, &chat, &alice).await;
    for (before, after) in before.iter().zip(&after) {
        match (&before.kind, &after.kind) {
            (Some(Kind::Event(before)), Some(Kind::Event(after))) if is_dropped_event(after) => {
                assert_eq!(*after, without_ciphertext(before));
            }
            (before, after) => assert_eq!(before, after),
        }
    }
    let dropped: Vec<bool> = after.iter().map(is_dropped).collect();
    assert_eq!(dropped, [false, false, true, true, true, false, false]);
    assert!(!read(&relay, &kept_for_ever, &other).await.iter().any(is_dropped));
    log.clock.advance(Duration::days(1) + Duration::SECOND);
    assert_eq!(relay.drop_expired().await, Ok(1));
}

fn is_dropped_event(event: &wire::SignedEvent) -> bool {
    !event.ciphertext_hash.is_empty()
}

#[tokio::test]
async fn round_of_short_policies_leaves_the_long_ones_to_the_round_of_all() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    for (device, seconds) in [(1, 5), (2, DAY), (3, DAY + 1)] {
        let author = alice.at_device(device);
        let mut chat = Chat::create_with(&relay, &author, seconds).await;
        chat.say(&relay, &author, "old").await;
    }
    log.clock.advance(Duration::days(2));
    let day = std::time::Duration::from_secs(DAY);
    assert_eq!(relay.drop_expired_within(day).await, Ok(2));
    assert_eq!(relay.drop_expired().await, Ok(1));
}

#[tokio::test]
async fn a_cold_relay_opens_a_log_whose_ciphertexts_are_gone() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let mut chat = Chat::create_with(&relay, &alice, DAY).await;
    for _ in 0..5 {
        chat.say(&relay, &alice, "old").await;
    }
    log.clock.advance(Duration::days(2));
    relay.drop_expired().await.unwrap();
    let cold = log.relay().await;
    let (mut fresh, mut subscription) = chat.subscribed(&cold, &alice).await;
    read_to(&mut subscription.reader, &mut fresh, 7, 1 << 20).await;
    assert!(fresh.fold == chat.fold);
    chat.say(&cold, &alice, "and on").await;
}

#[tokio::test]
async fn a_space_whose_key_is_damaged_does_not_keep_the_others_ciphertexts() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let warm = log.relay().await;
    for device in [1, 2] {
        let author = alice.at_device(device);
        let mut chat = Chat::create_with(&warm, &author, DAY).await;
        chat.say(&warm, &author, "old").await;
    }
    log.clock.advance(Duration::days(2));
    log.database
        .execute(
            "UPDATE data_keys SET wrapped = set_byte(wrapped, 40, get_byte(wrapped, 40) # 1)
             WHERE space_no = (SELECT min(space_no) FROM spaces)",
        )
        .await;
    assert_eq!(log.relay().await.drop_expired().await, Ok(1));
}

#[tokio::test]
async fn wraps_that_nobody_named_are_swept_and_the_others_stay() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    chat.add(&relay, &alice, &bob).await;
    chat.stage(&relay, &alice, 2, &chat.members()).await.unwrap();
    assert_eq!(relay.sweep_staged_wraps().await, Ok(0));
    log.clock.advance(Duration::hours(2));
    assert_eq!(relay.sweep_staged_wraps().await, Ok(2));
    for person in [&alice, &bob] {
        chat.wrap(&relay, person, 1).await.unwrap();
    }
}
