//! What a relay may say of agents, and what it may not.

use std::time::Duration;

use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::manifest::Fingerprint;

use super::relay::Faults;
use super::*;
use crate::agent::PairingCode;
use crate::identity::Identity;

fn new_agent() -> Identity {
    Identity::generate_agent(&mut crate::entropy::system())
}

#[tokio::test]
async fn principal_that_is_no_agent_or_not_the_one_named_is_no_agent_of_the_list() {
    let person = Identity::generate(&mut crate::entropy::system());
    for (id, identity) in [(person.id(), person), (PrincipalId::new([7; 32]), new_agent())] {
        let relay = TestRelay::start().await;
        let (alice, _) = Home::new(&relay).register("alice").await;
        relay.list_agent("helper", id, &identity);
        expect_alarm(alice.agents().list().await, "does not hold");
        expect_alarm(alice.agents().revoke("helper").await, "does not hold");
    }
}

#[tokio::test]
async fn agent_that_was_confirmed_under_one_name_is_not_revoked_under_another() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let agent = new_agent();
    relay.enroll("helper", &agent);
    assert!(!alice.agents().list().await.unwrap()[0].is_confirmed);
    let fingerprint = Fingerprint::of(&agent.id()).to_string();
    alice.agents().confirm("helper", &fingerprint).await.unwrap();
    assert!(alice.agents().list().await.unwrap()[0].is_confirmed);

    relay.state().agents[0].name = "other".to_owned();
    expect_alarm(alice.agents().revoke("other").await, "confirmed as another");
    expect_alarm(alice.agents().list().await, "confirmed as another");
}

#[tokio::test]
async fn name_that_would_be_a_command_is_not_taken_from_the_relay() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let owner = alice.account().principal_id;
    for (name, holds) in [("helper", true), ("--help", false), ("x; rm -r .", false)] {
        relay.misbehave(Faults {
            agent_name: Some(name.to_owned()),
            ..Faults::default()
        });
        let code = PairingCode::generate(owner, &mut crate::entropy::system());
        let enrolled = Client::enroll_agent(Home::new(&relay).config(), &code).await;
        match holds {
            true => assert_eq!(enrolled.unwrap().account().handle, name),
            false => expect_alarm(enrolled, "is no name"),
        }
    }
}

#[tokio::test]
async fn agent_that_one_device_has_confirmed_is_known_to_the_others() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let phone = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    let agent = new_agent();
    relay.enroll("helper", &agent);
    let fingerprint = Fingerprint::of(&agent.id()).to_string();
    phone.agents().confirm("helper", &fingerprint).await.unwrap();
    assert!(alice.agents().list().await.unwrap()[0].is_confirmed);
    assert!(alice.agents().confirmed("helper").await.unwrap().is_some());
    // The relay forgets it before all spaces do.
    relay.state().agents.clear();
    let revoked = alice.agents().revoke("helper").await.unwrap();
    assert_eq!(revoked.principal_id, agent.id());
}

#[tokio::test]
async fn name_of_an_agent_that_is_gone_is_free_for_another_once_the_owner_pairs_it() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let agents = alice.agents();
    let [old, new] = [new_agent(), new_agent()];
    let fingerprint = |agent: &Identity| Fingerprint::of(&agent.id()).to_string();
    relay.enroll("helper", &old);
    agents.confirm("helper", &fingerprint(&old)).await.unwrap();

    // The relay puts another one in its place, and nobody has asked for one.
    relay.state().agents.clear();
    relay.enroll("helper", &new);
    expect_alarm(agents.confirmed("helper").await, "remove the contact");

    relay.state().agents.clear();
    agents.pair("helper", Duration::from_secs(600)).await.unwrap();
    assert!(alice.contacts().list().await.unwrap().is_empty());
    relay.enroll("helper", &new);
    assert!(agents.confirmed("helper").await.unwrap().is_none());
    expect_alarm(
        agents.confirm("helper", &fingerprint(&old)).await,
        "none of the candidates",
    );
    agents.confirm("helper", &fingerprint(&new)).await.unwrap();
}

#[tokio::test]
async fn whole_id_of_nobody_is_no_agent() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let nobody = alice.agents().revoke(&new_agent().id().to_string()).await;
    assert!(matches!(nobody, Err(Error::Usage(_))), "{nobody:?}");
}
