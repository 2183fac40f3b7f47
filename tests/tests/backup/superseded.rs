//! What a person may do about a tail that was superseded.

use std::path::Path;

use futures_util::StreamExt;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::SpaceId;
use sealpost_sdk::{Audience, Client, Error, Position, PublishedAgain, Space, SpaceOptions};
use sealpost_tests::relay::Relay;

use crate::healing::{Stage, options, say, synced, told};
use crate::people::{Pair, Person, add, confirm, read, read_from_start};
use crate::scene::Vault;

/// What was lost with views that were set aside.
async fn lost(space: &Space) -> Vec<String> {
    let messages = space.lost().map(|message| message.unwrap().body.to_vec());
    let texts = messages.map(|body| String::from_utf8(body).unwrap());
    texts.collect().await
}

async fn publish_again(space: &Space) -> PublishedAgain {
    synced(space).await;
    let publishing = space.publish_again(Audience::WithoutThoseWhoAreBack);
    publishing.await.unwrap()
}

async fn told_superseded(client: &Client, id: SpaceId) {
    let space = client.space(id).await.unwrap();
    let stopped = told(&space).await;
    assert_eq!(stopped.code(), Some(ErrorCode::Superseded), "{stopped}");
    assert!(client.is_superseded(id).await.unwrap());
}

/// A device that holds nothing of the space, and writes where the backup ends.
async fn write_instead(bob: &Person, device: &str, id: SpaceId, text: &str) -> Client {
    let client = bob.new_device(device).await;
    say(&client.space(id).await.unwrap(), text).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn who_consents_goes_on_with_the_new_log_and_loses_nothing_of_its_own() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    let (carol, carols_client) = Person::register("carol", &stage.way).await;
    add(&pair.alices, &pair.alices_client, &carols_client).await;
    let (garden, carols_id) = (pair.alices.id(), carols_client.account().principal_id);
    say(&pair.alices, "in the backup").await;
    assert_eq!(read_from_start(&pair.bobs, 1).await, ["in the backup"]);
    let created = vault.create(&config, &old).await;
    drop((carols_client, pair.bobs, pair.bobs_client));
    say(&pair.alices, "lost").await;
    pair.alices.remove_member(carols_id).await.unwrap();
    say(&pair.alices, "lost too").await;
    synced(&pair.alices).await;
    let in_use = pair.alices_client.go_on_without(garden).await.err();
    assert!(matches!(in_use, Some(Error::Usage(_))), "{in_use:?}");
    drop(pair.alices);
    assert!(!pair.alices_client.is_superseded(garden).await.unwrap());
    let nothing = pair.alices_client.go_on_without(garden).await.err();
    assert!(matches!(nothing, Some(Error::Usage(_))), "{nothing:?}");
    drop(pair.alices_client);

    let new = stage.restore(old, &vault, &created.path).await;
    let bobs = pair.bob.restarted().await.space(garden).await.unwrap();
    say(&bobs, "instead").await;
    let client = pair.alice.restarted().await;
    told_superseded(&client, garden).await;

    let alices = client.go_on_without(garden).await.unwrap();
    synced(&alices).await;
    assert_eq!(lost(&alices).await, ["lost", "lost too"]);
    let evidence = alices.evidence().await.unwrap();
    let is_kept = |what| evidence.iter().any(|kept| kept.alarm.what.contains(what));
    assert!(is_kept("went on without"), "{evidence:?}");
    let again = publish_again(&alices).await;
    assert_eq!((again.removed, again.messages), (vec![carols_id], 2));
    assert!(again.back.is_empty() && again.out.is_empty() && again.rights.is_empty() && !again.policy);
    let all = ["in the backup", "instead", "lost", "lost too"];
    assert_eq!(read_from_start(&bobs, 4).await, all);
    let mut messages = bobs.subscribe(Position::START);
    read(&mut messages, 3).await;
    let last = messages.next().await.unwrap().unwrap();
    assert!(last.first_event_id.is_some_and(|first| first != last.event_id));
    let carols = carol.restarted().await.space(garden).await.unwrap();
    assert_eq!(told(&carols).await.code(), Some(ErrorCode::NotAMember));
    // Once is enough, also after a restart; both views stay.
    drop((alices, client));
    let client = pair.alice.restarted().await;
    assert!(!client.is_superseded(garden).await.unwrap());
    let alices = client.go_on_without(garden).await.unwrap();
    assert_eq!(publish_again(&alices).await, PublishedAgain::default());
    assert_eq!(lost(&alices).await, ["lost", "lost too"]);
    assert_eq!(read_from_start(&alices, 4).await, all);
    say(&alices, "and on").await;
    Client::check_home(&pair.alice.home("first")).await.unwrap();
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_again_for_who_had_been_removed_until_somebody_removes_them_again() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    let (carol, carols_client) = Person::register("carol", &stage.way).await;
    let (_dave, daves_client) = Person::register("dave", &stage.way).await;
    add(&pair.alices, &pair.alices_client, &carols_client).await;
    let dave = confirm(&pair.alices_client, &daves_client).await;
    let garden = pair.alices.id();
    let carols = carols_client.space(garden).await.unwrap();
    say(&pair.alices, "in the backup").await;
    assert_eq!(read_from_start(&carols, 1).await, ["in the backup"]);
    let created = vault.create(&config, &old).await;
    let (carols_id, daves_id) = (
        carols_client.account().principal_id,
        daves_client.account().principal_id,
    );
    drop((carols, carols_client));
    pair.alices.remove_member(carols_id).await.unwrap();
    pair.alices.add_member(&dave, Capabilities::WRITE).await.unwrap();
    synced(&pair.bobs).await;
    say(&pair.bobs, "without carol").await;
    synced(&pair.bobs).await;
    synced(&pair.alices).await;
    drop((pair.alices, pair.alices_client, pair.bobs, pair.bobs_client));

    let new = stage.restore(old, &vault, &created.path).await;
    let carols = carol.restarted().await.space(garden).await.unwrap();
    say(&carols, "instead").await;
    let bobs_client = pair.bob.restarted().await;
    told_superseded(&bobs_client, garden).await;
    let bobs = bobs_client.go_on_without(garden).await.unwrap();
    let again = publish_again(&bobs).await;
    assert_eq!((again.back, again.out), (vec![carols_id], vec![daves_id]));
    assert_eq!((again.messages, again.held_back), (0, 1));
    assert_eq!(lost(&bobs).await, ["without carol"]);

    // Each has a view of its own to set aside, and publishes its own messages only.
    let alices_client = pair.alice.restarted().await;
    told_superseded(&alices_client, garden).await;
    let alices = alices_client.go_on_without(garden).await.unwrap();
    let again = publish_again(&alices).await;
    assert_eq!((again.removed, again.messages), (vec![carols_id], 0));
    assert_eq!(lost(&alices).await, ["without carol"]);

    let again = publish_again(&bobs).await;
    assert_eq!((again.back, again.messages, again.held_back), (vec![], 1, 0));
    let all = ["in the backup", "instead", "without carol"];
    assert_eq!(read_from_start(&alices, 3).await, all);
    assert_eq!(told(&carols).await.code(), Some(ErrorCode::NotAMember));
    assert_eq!(read_from_start(&carols, 2).await, all[..2]);
    new.stop().await;
}

/// Restores once more what the first backup had, and writes there from a device that holds nothing.
async fn restore_again(
    stage: &Stage,
    old: Relay,
    vault: &Vault,
    backup: &Path,
    bob: (&Person, &str, SpaceId),
) -> Relay {
    let new = stage.restore(old, vault, backup).await;
    let (bob, device, garden) = bob;
    drop(write_instead(bob, device, garden, device).await);
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_that_is_cut_short_or_given_twice_publishes_everything_once() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let no_history = SpaceOptions {
        share_history: false,
        ..SpaceOptions::default()
    };
    let pair = Pair::meet_in([&stage.way, &stage.way], no_history).await;
    let garden = pair.alices.id();
    // Nobody but who has it keeps a key of an epoch before the newest.
    for epoch in ["first epoch", "second epoch"] {
        say(&pair.alices, epoch).await;
        pair.alices.rekey().await.unwrap();
    }
    synced(&pair.bobs).await;
    let created = vault.create(&config, &old).await;
    drop((pair.bobs, pair.bobs_client));
    say(&pair.alices, "read").await;
    let place = pair.alices.subscribe(Position::START).skip(1).next().await;
    let place = place.unwrap().unwrap().cursor;
    pair.alices.keep_cursor("before", &place).await.unwrap();
    let lost_place = pair.alices.subscribe(Position::START).skip(2).next().await;
    let lost_place = lost_place.unwrap().unwrap().cursor;
    pair.alices.keep_cursor("behind", &lost_place).await.unwrap();
    // The relay has acked it, and it may not have been read yet.
    say(&pair.alices, "acked").await;
    drop((pair.alices, pair.alices_client));

    let new = restore_again(&stage, old, &vault, &created.path, (&pair.bob, "one", garden)).await;
    let client = pair.alice.restarted().await;
    told_superseded(&client, garden).await;
    // It ends between the consent and what follows of it.
    drop(client.go_on_without(garden).await.unwrap());
    drop(client);
    let client = pair.alice.restarted().await;
    assert!(!client.is_superseded(garden).await.unwrap());
    let alices = client.go_on_without(garden).await.unwrap();
    assert_eq!(publish_again(&alices).await.messages, 2);
    let all = ["first epoch", "second epoch", "one", "read", "acked"];
    assert_eq!(read_from_start(&alices, 5).await, all);
    assert_eq!(alices.kept_cursor("before").await.unwrap(), Some(place));
    let behind = alices.kept_cursor("behind").await.unwrap().unwrap();
    let mut messages = alices.subscribe_from(&behind).await.unwrap();
    assert_eq!(read(&mut messages, 1).await, ["one"]);
    say(&alices, "in the second life").await;
    synced(&alices).await;
    drop((messages, alices, client));

    let new = restore_again(&stage, new, &vault, &created.path, (&pair.bob, "two", garden)).await;
    let client = pair.alice.restarted().await;
    told_superseded(&client, garden).await;
    let alices = client.go_on_without(garden).await.unwrap();
    assert_eq!(publish_again(&alices).await.messages, 3);
    assert_eq!(publish_again(&alices).await.messages, 0);
    let all = [
        "first epoch",
        "second epoch",
        "two",
        "read",
        "acked",
        "in the second life",
    ];
    assert_eq!(read_from_start(&alices, 6).await, all);
    assert!(lost(&alices).await.contains(&"one".to_owned()));
    Client::check_home(&pair.alice.home("first")).await.unwrap();
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_on_with_a_space_that_was_deleted_and_to_forget_it_destroys_all_views() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    let garden = pair.alices.id();
    say(&pair.bobs, "in the backup").await;
    synced(&pair.alices).await;
    let created = vault.create(&config, &old).await;
    drop((pair.alices, pair.alices_client));
    say(&pair.bobs, "lost").await;
    synced(&pair.bobs).await;
    drop((pair.bobs, pair.bobs_client));

    let new = stage.restore(old, &vault, &created.path).await;
    let alices = pair.alice.restarted().await.space(garden).await.unwrap();
    say(&alices, "instead").await;
    let bobs_client = pair.bob.restarted().await;
    told_superseded(&bobs_client, garden).await;
    let bobs = bobs_client.go_on_without(garden).await.unwrap();
    synced(&bobs).await;
    alices.delete().await.unwrap();
    let refused = bobs.publish_again(Audience::AllMembers).await.err();
    assert_eq!(
        refused.and_then(|error| error.code()),
        Some(ErrorCode::Tombstoned)
    );
    assert_eq!(lost(&bobs).await, ["lost"]);
    drop(bobs);
    let refused = bobs_client.go_on_without(garden).await.err();
    assert_eq!(
        refused.and_then(|error| error.code()),
        Some(ErrorCode::Tombstoned)
    );
    bobs_client.forget_space(garden).await.unwrap();
    let bobs = bobs_client.space(garden).await.unwrap();
    assert!(lost(&bobs).await.is_empty());
    let known = bobs_client.known_spaces().await.unwrap();
    assert!(known.iter().all(|space| space.id != garden), "{known:?}");
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_place_that_only_another_device_had_read_stops_nobody_for_ever() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    let garden = pair.alices.id();
    say(&pair.alices, "in the backup").await;
    let second = pair.alice.new_device("second").await;
    synced(&second.space(garden).await.unwrap()).await;
    let created = vault.create(&config, &old).await;
    drop((pair.bobs, pair.bobs_client));
    say(&pair.alices, "lost").await;
    pair.alices.rekey().await.unwrap();
    // It hears from the keystore how far the first one has verified the log.
    second.spaces().await.unwrap();
    drop((second, pair.alices, pair.alices_client));

    let new = stage.restore(old, &vault, &created.path).await;
    let bobs = pair.bob.restarted().await.space(garden).await.unwrap();
    for text in ["instead", "and on", "and on"] {
        say(&bobs, text).await;
    }
    let home = pair.alice.home("second");
    let second = pair.alice.restarted_with(|config| config.home = home).await;
    let stopped = told(&second.space(garden).await.unwrap()).await;
    assert!(matches!(stopped, Error::Integrity(_)), "{stopped}");
    assert!(second.is_superseded(garden).await.unwrap());
    let seconds = second.go_on_without(garden).await.unwrap();
    assert_eq!(publish_again(&seconds).await, PublishedAgain::default());
    assert!(lost(&seconds).await.is_empty());
    say(&seconds, "from the second").await;
    let client = pair.alice.restarted().await;
    told_superseded(&client, garden).await;
    let alices = client.go_on_without(garden).await.unwrap();
    assert_eq!(publish_again(&alices).await.messages, 1);
    let all = [
        "in the backup",
        "instead",
        "and on",
        "and on",
        "from the second",
        "lost",
    ];
    assert_eq!(read_from_start(&bobs, 6).await, all);
    new.stop().await;
}
