//! What a restore takes from an account's keystore, and its devices put back.

use sealpost_sdk::{Client, SpaceOptions};

use crate::healing::{Stage, options, synced};
use crate::people::{Person, confirm};
use crate::scene::Vault;

/// The names of the account's spaces and people, whom the owner has confirmed, as this device knows them from the relay.
async fn known(client: &Client) -> (Vec<String>, Vec<String>) {
    client.refresh_keystore().await.unwrap();
    let spaces = client.known_spaces().await.unwrap();
    let people = client.contacts().known().await.unwrap();
    let mut spaces: Vec<_> = spaces.into_iter().map(|space| space.name).collect();
    spaces.sort();
    let confirmed = people
        .into_iter()
        .filter(|contact| contact.confirmed_at_ms.is_some());
    let mut people: Vec<_> = confirmed.map(|contact| contact.handle).collect();
    people.sort();
    (spaces, people)
}

fn are(spaces: &[&str], people: &[&str]) -> (Vec<String>, Vec<String>) {
    let owned = |names: &[&str]| names.iter().copied().map(str::to_owned).collect();
    (owned(spaces), owned(people))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keystore_that_went_on_after_the_backup_is_put_back_by_who_has_seen_it() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let (alice, client) = Person::register("alice", &stage.way).await;
    let (_bob, bobs) = Person::register("bob", &stage.way).await;
    let (_carol, carols) = Person::register("carol", &stage.way).await;
    confirm(&client, &bobs).await;
    let created = vault.create(&config, &old).await;
    let late = client
        .create_space("late", SpaceOptions::default())
        .await
        .unwrap();
    let held = synced(&late).await;
    confirm(&client, &carols).await;
    client.contacts().remove("bob").await.unwrap();
    let before = known(&client).await;
    assert_eq!(before, are(&["late"], &["carol"]));
    drop((client, late));

    let new = stage.restore(old, &vault, &created.path).await;
    let client = alice.restarted().await;
    let spaces = client.spaces().await.unwrap();
    assert_eq!(synced(&client.space(spaces[0].id).await.unwrap()).await, held);
    assert_eq!(known(&client).await, before);
    let fresh = alice.new_device("after the restore").await;
    assert_eq!(known(&fresh).await, before);
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_had_seen_different_keystores_meet_in_one_after_a_restore() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let (alice, first) = Person::register("alice", &stage.way).await;
    let (_bob, bobs) = Person::register("bob", &stage.way).await;
    let (_carol, carols) = Person::register("carol", &stage.way).await;
    confirm(&first, &bobs).await;
    let second = alice.new_device("second").await;
    let created = vault.create(&config, &old).await;
    first
        .create_space("of the first", SpaceOptions::default())
        .await
        .unwrap();
    confirm(&first, &carols).await;
    drop(first);

    let new = stage.restore(old, &vault, &created.path).await;
    // The second has seen nothing of that, and writes first.
    second
        .create_space("of the second", SpaceOptions::default())
        .await
        .unwrap();
    second.contacts().remove("bob").await.unwrap();
    let first = alice.restarted().await;
    // Whom the second took out nobody puts back; carol, of whom it never heard, has to be confirmed again.
    let both = are(&["of the first", "of the second"], &[]);
    assert_eq!(known(&first).await, both);
    assert_eq!(known(&second).await, both);
    let fresh = alice.new_device("after the restore").await;
    assert_eq!(known(&fresh).await, both);
    new.stop().await;
}
