//! Spaces that others brought the account into, and that nobody named.

use sealpost_protocol::ids::SpaceId;

use super::*;
use crate::account::start_over::Proof;

const GARDEN: SpaceId = SpaceId::new([7; 32]);
const CELLAR: SpaceId = SpaceId::new([8; 32]);

fn versions(relay: &TestRelay) -> usize {
    relay.state().accounts[0].keystores.len()
}

/// What the keystore lists, as this device knows it.
async fn listed(client: &Client) -> Vec<SpaceId> {
    let content = client.shared().local_account().await.unwrap().content;
    content.spaces.into_keys().collect()
}

#[tokio::test]
async fn spaces_are_listed_in_the_keystore_by_one_change_when_they_are_first_seen() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let phone = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    relay.list_spaces([GARDEN, CELLAR].into_iter());
    let before = versions(&relay);
    for _look in 0..2 {
        alice.spaces().await.unwrap();
    }
    assert_eq!(versions(&relay), before + 1);
    relay.list_spaces([].into_iter());
    phone.refresh_keystore().await.unwrap();
    assert_eq!(listed(&phone).await, [GARDEN, CELLAR]);
}

#[tokio::test]
async fn devices_that_see_spaces_at_the_same_time_list_each_once() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let phone = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    relay.list_spaces([GARDEN, CELLAR].into_iter());
    let (here, there, named) =
        tokio::join!(alice.spaces(), phone.spaces(), alice.name_space(GARDEN, "garden"));
    let lists = [here.unwrap(), there.unwrap()];
    named.unwrap();
    for (list, device) in lists.iter().zip([&alice, &phone]) {
        device.refresh_keystore().await.unwrap();
        assert_eq!((list.len(), listed(device).await), (2, vec![GARDEN, CELLAR]));
    }
    let content = phone.shared().local_account().await.unwrap().content;
    assert_eq!(content.spaces[&GARDEN].name, "garden");
}

#[tokio::test]
async fn export_and_who_starts_over_know_a_space_that_was_never_looked_at() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    relay.list_spaces([GARDEN].into_iter());
    let words = passphrase("words for the drawer");
    let file = alice.export(&words).await.unwrap();
    let summary = Client::inspect_export(file, &words).await.unwrap();
    assert_eq!(summary.spaces, 1);
    relay.list_spaces([GARDEN, CELLAR].into_iter());
    let (old, new) = (passphrase(PASSPHRASE), passphrase("a new horse altogether"));
    let prepared = Box::pin(alice.prepare_start_over(Proof::Passphrase(&old), &new)).await;
    let started = Box::pin(prepared.unwrap().commit()).await.unwrap();
    relay.list_spaces([].into_iter());
    let spaces = started.client.spaces().await.unwrap();
    assert_eq!(spaces.len(), 2);
    assert!(spaces.iter().all(|space| space.lost_with.is_some()), "{spaces:?}");
}

#[tokio::test]
async fn relay_that_lists_spaces_without_end_does_not_fill_the_keystore() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let spaces = (0..3000_u32).map(|number| {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        SpaceId::new(id)
    });
    relay.list_spaces(spaces);
    for _look in 0..2 {
        assert_eq!(alice.spaces().await.unwrap().len(), 3000);
    }
    assert_eq!((listed(&alice).await.len(), versions(&relay)), (1024, 2));
    alice.name_space(SpaceId::new([0xff; 32]), "mine").await.unwrap();
    assert_eq!(listed(&alice).await.len(), 1025);
}
