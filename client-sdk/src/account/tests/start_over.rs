//! A new identity in an old account.

use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::manifest::Fingerprint;

use super::relay::{Faults, Strike, Victim};
use super::*;
use crate::account::start_over::{Proof, StartedOver};
use crate::identity::Identity;

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
    let prepared = Box::pin(alice.prepare_start_over(Proof::Passphrase(&words), &new));
    let prepared = prepared.await.unwrap();
    let code = RecoveryCode::parse(&prepared.recovery_code().expose_text()).unwrap();
    let started = Box::pin(prepared.commit()).await.unwrap();
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
    let by_code = Home::new(&relay).recover(&code).await.unwrap();
    assert_eq!((by_passphrase.account(), by_code.account()), (new.clone(), new));
    started.client.refresh_keystore().await.unwrap();
}

#[tokio::test]
async fn root_key_that_somebody_kept_opens_nothing_after_a_new_start() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let kept = alice.shared().local_account().await.unwrap().root_key;
    let words = passphrase(PASSPHRASE);
    start_over(&alice, Proof::Passphrase(&words)).await.unwrap();
    let sealed = crate::keystore::SealedKeystore::parse(&relay.keystore()).unwrap();
    assert!(sealed.open_content(&kept).is_err());
}

#[tokio::test]
async fn recovery_code_starts_over_where_the_passphrase_is_lost() {
    let relay = TestRelay::start().await;
    let (_, code) = Home::new(&relay).register("alice").await;
    let device = Home::new(&relay).recover(&code).await.unwrap();
    let foreign = RecoveryCode::generate(&mut crate::entropy::system());
    expect_not_authenticated(start_over(&device, Proof::RecoveryCode(&foreign)).await);
    let started = start_over(&device, Proof::RecoveryCode(&code)).await.unwrap();
    let by_passphrase = Home::new(&relay).log_in("alice", NEW).await.unwrap();
    assert_eq!(by_passphrase.account(), started.client.account());
}

#[tokio::test]
async fn new_start_that_is_not_committed_changes_nothing() {
    let relay = TestRelay::start().await;
    let (alice, code) = Home::new(&relay).register("alice").await;
    let before = relay.sessions();
    let words = passphrase(PASSPHRASE);
    let new = passphrase(NEW);
    let preparing = alice.prepare_start_over(Proof::Passphrase(&words), &new);
    Box::pin(preparing).await.unwrap().abandon().await;
    assert_eq!(relay.sessions(), before);
    alice.refresh_keystore().await.unwrap();
    expect_not_authenticated(Home::new(&relay).log_in("alice", NEW).await);
    let by_code = Home::new(&relay).recover(&code).await.unwrap();
    assert_eq!(by_code.account(), alice.account());
}

#[tokio::test]
async fn device_secret_that_was_shown_before_the_switch_opens_where_the_device_died_behind_it() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let (words, new) = (passphrase(PASSPHRASE), passphrase(NEW));
    alice.enable_device_secret(&words).await.unwrap();
    let prepared = Box::pin(alice.prepare_start_over(Proof::Passphrase(&words), &new));
    let prepared = prepared.await.unwrap();
    let shown = prepared.device_secret().unwrap().share();
    relay.misbehave(Faults::default());
    let strike = Strike {
        after: 0,
        served: true,
        victim: Victim::Client,
    };
    assert!(relay.strike(strike, Box::pin(prepared.commit())).await.is_none());
    let config = Home::new(&relay).config();
    Client::login_with_device_secret(config, "alice", &new, Some(&shown))
        .await
        .unwrap();
}

#[tokio::test]
async fn device_keeps_its_name_and_agents_are_reported_as_lost() {
    let relay = TestRelay::start().await;
    let config = ClientConfig {
        device_name: "laptop".to_owned(),
        ..Home::new(&relay).config()
    };
    let home = config.home.clone();
    let words = passphrase(PASSPHRASE);
    Client::register(config, "alice", &words, None).await.unwrap();
    let alice = Client::open(ClientConfig::of_home(&home).await.unwrap())
        .await
        .unwrap();
    let agent = Identity::generate_agent(&mut crate::entropy::system());
    relay.enroll("helper", &agent);
    let fingerprint = Fingerprint::of(&agent.id()).to_string();
    alice.agents().confirm("helper", &fingerprint).await.unwrap();

    let started = start_over(&alice, Proof::Passphrase(&words)).await.unwrap();
    assert_eq!(relay.state().asked_as.last().unwrap(), "laptop");
    let local = started.client.shared().local_account().await.unwrap();
    assert_eq!(local.device_name, "laptop");
    let lost: Vec<_> = started
        .lost_agents
        .iter()
        .map(|agent| agent.name.as_str())
        .collect();
    assert_eq!(lost, ["helper"]);
    assert!(
        local.content.contacts.is_empty(),
        "its name is free for another one"
    );
}

async fn start_over(client: &Client, proof: Proof<'_>) -> Result<StartedOver, Error> {
    let new = passphrase(NEW);
    let prepared = Box::pin(client.prepare_start_over(proof, &new)).await?;
    Box::pin(prepared.commit()).await
}
