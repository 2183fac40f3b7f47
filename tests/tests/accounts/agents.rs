//! Agents at a real relay, by the SDK.

use std::time::Duration;

use super::*;
use sealpost_protocol::chain::Capabilities;
use sealpost_sdk::{Message, SpaceOptions};

const LIFETIME: Duration = Duration::from_secs(600);

/// An agent of `owner`.
async fn agent_of(owner: &Client, devices: &Devices) -> Client {
    let (code, _) = owner.agents().pair("helper", LIFETIME).await.unwrap();
    let agent = Client::enroll_agent(devices.new_home(), &code).await.unwrap();
    assert_eq!(agent.owner(), Some(owner.account().principal_id));
    agent
}

#[tokio::test]
async fn agent_whose_session_ended_logs_in_by_itself() {
    let database = Database::create().await;
    let relay = Relay::start(open_to_all(&database)).await;
    let devices = Devices::at(relay.addresses().url());
    let (alice, _) = devices.register("alice", None).await.unwrap();
    let agent = agent_of(&alice, &devices).await;
    let space = alice
        .create_space("garden", SpaceOptions::default())
        .await
        .unwrap();
    let read_out = agent.fingerprint().words();
    let confirmed = alice.agents().confirm("helper", &read_out).await.unwrap();
    space.add_member(&confirmed, Capabilities::WRITE).await.unwrap();
    let garden = agent.space(space.id()).await.unwrap();
    garden.send(Message::text("one")).await.unwrap();

    let mut link = database.connect().await;
    sqlx::query("DELETE FROM sessions WHERE agent_id IS NOT NULL")
        .execute(&mut link)
        .await
        .unwrap();
    agent.heartbeat().await.unwrap();
    garden.send(Message::text("two")).await.unwrap();
    drop(garden);
    // Once more, as a process that has just started.
    let mut config = ClientConfig::of_home(&devices.homes.path().join("1/home"))
        .await
        .unwrap();
    config.connect_to = None;
    let again = Client::open(config).await.unwrap();
    sqlx::query("DELETE FROM sessions WHERE agent_id IS NOT NULL")
        .execute(&mut link)
        .await
        .unwrap();
    assert_eq!(again.devices().await.unwrap().len(), 1);
    let garden = again.space(space.id()).await.unwrap();
    garden.send(Message::text("three")).await.unwrap();

    alice.agents().revoke("helper").await.unwrap();
    expect_not_authenticated(again.heartbeat().await);
    assert!(garden.send(Message::text("four")).await.is_err());
}

#[tokio::test]
async fn agents_go_with_the_account_of_their_owner() {
    let database = Database::create().await;
    let relay = Relay::start(open_to_all(&database)).await;
    let devices = Devices::at(relay.addresses().url());
    let (alice, _) = devices.register("alice", None).await.unwrap();
    let agent = agent_of(&alice, &devices).await;
    alice.agents().pair("next", LIFETIME).await.unwrap();
    let space = alice
        .create_space("garden", SpaceOptions::default())
        .await
        .unwrap();
    let read_out = agent.fingerprint().to_string();
    let confirmed = alice.agents().confirm("helper", &read_out).await.unwrap();
    space.add_member(&confirmed, Capabilities::WRITE).await.unwrap();

    let id = agent.account().principal_id;
    assert!(database.scan().await.places_of(id.as_bytes()).len() > 3);
    alice.delete_account(&passphrase(PASSPHRASE)).await.unwrap();
    let after = database.scan().await;
    assert!(
        after.places_of(id.as_bytes()).is_empty(),
        "{:?}",
        after.places_of(id.as_bytes())
    );
    for table in ["agents", "pairing_codes", "sessions", "principals"] {
        let count = format!("SELECT count(*) FROM {table}");
        let mut link = database.connect().await;
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(&mut link)
            .await
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    expect_not_authenticated(agent.heartbeat().await);
}

#[tokio::test]
async fn revoking_names_the_spaces_that_the_owner_may_not_manage() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    let (alice, _) = devices.register("alice", None).await.unwrap();
    let (bob, _) = devices.register("bob", None).await.unwrap();
    let agent = agent_of(&alice, &devices).await;
    let read_out = agent.fingerprint().words();
    let helper = alice.agents().confirm("helper", &read_out).await.unwrap();
    let own = alice.create_space("own", SpaceOptions::default()).await.unwrap();
    own.add_member(&helper, Capabilities::WRITE).await.unwrap();
    let lost = alice.create_space("lost", SpaceOptions::default()).await.unwrap();
    lost.add_member(&helper, Capabilities::WRITE).await.unwrap();
    alice.contacts().import(&bob.contact_card()).await.unwrap();
    let read_out = bob.fingerprint().to_string();
    let friend = alice.contacts().confirm("bob", &read_out).await.unwrap();
    lost.add_member(&friend, Capabilities::ALL).await.unwrap();
    let bobs = bob.space(lost.id()).await.unwrap();
    let me = alice.account().principal_id;
    bobs.set_capabilities(me, Capabilities::WRITE).await.unwrap();

    let revoked = alice.agents().revoke("helper").await.unwrap();
    assert_eq!(revoked.removed_from, [own.id()]);
    assert_eq!(revoked.still_in[0].0, lost.id());
    assert_eq!(revoked.still_in[0].1.code(), Some(ErrorCode::NotPermitted));
    bobs.sync().await.unwrap();
    bobs.remove_member(agent.account().principal_id).await.unwrap();
    let again = alice.agents().revoke("helper").await.unwrap();
    assert!(again.removed_from.is_empty() && again.still_in.is_empty());
    assert!(alice.agents().revoke("helper").await.is_err());
}
