//! A new identity in an old account.

use super::*;
use crate::account::start_over::Proof;
use sealpost_protocol::ids::SpaceId;

const NEW: &str = "a new horse altogether";

#[tokio::test]
async fn owner_who_starts_over_has_new_keys_the_same_contacts_and_lost_spaces() {
    let relay = TestRelay::start().await;
    let (alice, old_code) = Home::new(&relay).register("alice").await;
    let thief = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    let (bob, _) = Home::new(&relay).register("bob").await;
    alice.contacts().import(&bob.contact_card()).await.unwrap();
    let read_out = bob.fingerprint().to_string();
    alice.contacts().confirm("bob", &read_out).await.unwrap();
    alice.name_space(SpaceId::new([7; 32]), "garden").await.unwrap();
    let old = alice.account();

    let (words, new) = (passphrase(PASSPHRASE), passphrase(NEW));
    let started = Box::pin(alice.start_over(Proof::Passphrase(&words), &new));
    let started = started.await.unwrap();
    let new = started.client.account();
    assert_eq!(new.account_id, old.account_id);
    assert_ne!(new.principal_id, old.principal_id);
    started.client.contacts().confirmed("bob").await.unwrap();
    let spaces = started.client.spaces().await.unwrap();
    assert_eq!((spaces.len(), spaces[0].lost_with), (1, Some(old.principal_id)));

    expect_not_authenticated(thief.refresh_keystore().await);
    expect_not_authenticated(Home::new(&relay).log_in("alice", PASSPHRASE).await);
    expect_not_authenticated(Home::new(&relay).recover(&old_code).await);
    let by_passphrase = Home::new(&relay).log_in("alice", NEW).await.unwrap();
    let by_code = Home::new(&relay).recover(&started.recovery_code).await.unwrap();
    assert_eq!((by_passphrase.account(), by_code.account()), (new.clone(), new));
    started.client.refresh_keystore().await.unwrap();
}

#[tokio::test]
async fn root_key_that_somebody_kept_opens_nothing_after_a_new_start() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let kept = alice.shared().local_account().await.unwrap().root_key;
    let words = passphrase(PASSPHRASE);
    Box::pin(alice.start_over(Proof::Passphrase(&words), &passphrase(NEW)))
        .await
        .unwrap();
    let sealed = crate::keystore::SealedKeystore::parse(&relay.keystore()).unwrap();
    assert!(sealed.open_content(&kept).is_err());
}

#[tokio::test]
async fn recovery_code_starts_over_where_the_passphrase_is_lost() {
    let relay = TestRelay::start().await;
    let (_, code) = Home::new(&relay).register("alice").await;
    let device = Home::new(&relay).recover(&code).await.unwrap();
    let new = passphrase(NEW);
    let foreign = RecoveryCode::generate(&mut crate::entropy::system());
    let refused = device.clone().start_over(Proof::RecoveryCode(&foreign), &new);
    expect_not_authenticated(Box::pin(refused).await.map(drop));
    let started = Box::pin(device.start_over(Proof::RecoveryCode(&code), &new));
    let started = started.await.unwrap();
    let by_passphrase = Home::new(&relay).log_in("alice", NEW).await.unwrap();
    assert_eq!(by_passphrase.account(), started.client.account());
}
