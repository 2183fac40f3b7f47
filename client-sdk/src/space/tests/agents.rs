//! An agent takes part where its owner brought it in, and nowhere else.

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::{PrincipalId, SpaceId};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::content::Message;
use crate::keystore::{Content, KnownSpace, testing};
use crate::store::account::LocalAccount;
use crate::store::log::known_spaces;
use crate::testing::Device;

const CAROL: u8 = 3;

/// Bob's agent in a space of Bob's that Carol manages too, where `adder` has added it.
async fn agent_added_by(adder: u8) -> (TempDir, Device, Space) {
    let (home, device, space, _serving) = served_agent_added_by(adder).await;
    (home, device, space)
}

/// The same, with what serves the log, until the connection ends.
async fn served_agent_added_by(adder: u8) -> (TempDir, Device, Space, JoinHandle<Script>) {
    let home = tempfile::tempdir().unwrap();
    let (bob, carol, agent) = (person(BOB), person(CAROL), person(ALICE).into_agent());
    let mut log = TestLog::new(&bob, true);
    log.add(&bob, &carol, Capabilities::ALL);
    log.add(&person(adder), &agent, Capabilities::WRITE);
    log.write(&bob, "hello");
    let mut device = Device::open_agent(&home.path().join("agent"), person(ALICE), bob.id()).await;
    let space = device.space(log.space_id()).await;
    let relay = device.arrivals.authenticated().await;
    let serving = tokio::spawn(Script::new(relay, log, agent.id()).serve());
    (home, device, space, serving)
}

fn expect_not_permitted<T>(result: Result<T, Error>) {
    assert_eq!(
        result.err().and_then(|error| error.code()),
        Some(ErrorCode::NotPermitted)
    );
}

#[tokio::test(start_paused = true)]
async fn agent_reads_and_writes_where_its_owner_added_it() {
    let (_home, _device, space) = agent_added_by(BOB).await;
    let mut messages = space.subscribe(Position::START);
    assert_eq!(texts(&mut messages, 1).await, ["hello"]);
    space.send(Message::text("hello Bob")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn agent_takes_no_part_where_another_manager_added_it() {
    let (_home, _device, space) = agent_added_by(CAROL).await;
    expect_not_permitted(space.subscribe(Position::START).next().await.unwrap());
    expect_not_permitted(space.send(Message::text("for nobody")).await);
    assert!(space.members().await.is_err());
    assert_eq!(space.verified().seq, 0);
}

#[tokio::test(start_paused = true)]
async fn agent_takes_part_once_its_owner_brings_it_in_behind_another_manager() {
    let home = tempfile::tempdir().unwrap();
    let (bob, carol, agent) = (person(BOB), person(CAROL), person(ALICE).into_agent());
    let mut log = TestLog::new(&bob, true);
    log.add(&bob, &carol, Capabilities::ALL);
    log.add(&carol, &agent, Capabilities::WRITE);
    log.remove(&bob, &agent);
    log.rekey(&bob);
    log.add(&bob, &agent, Capabilities::WRITE);
    log.write(&bob, "hello");
    let mut device = Device::open_agent(&home.path().join("agent"), person(ALICE), bob.id()).await;
    let space = device.space(log.space_id()).await;
    let relay = device.arrivals.authenticated().await;
    tokio::spawn(Script::new(relay, log, agent.id()).serve());
    assert_eq!(texts(&mut space.subscribe(Position::START), 1).await, ["hello"]);
    space.send(Message::text("hello Bob")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn agent_leaves_a_space_into_which_another_manager_brought_it_and_keeps_nothing_of_it() {
    let (_home, device, space, serving) = served_agent_added_by(CAROL).await;
    let me = device.shared.identity.id();
    space.leave().await.unwrap();
    assert_eq!(space.verified().seq, 0);
    let kept = device.shared.store.read(known_spaces).await.unwrap();
    assert!(kept.is_empty(), "{kept:?}");
    drop((space, device));
    let log = serving.await.unwrap().log;
    assert!(log.fold.chain().member(&me).is_none());
}

#[tokio::test(start_paused = true)]
async fn kept_cursors_have_a_name_each_and_outlast_the_process() {
    let (home, device, space) = agent_added_by(BOB).await;
    let message = space.subscribe(Position::START).next().await.unwrap().unwrap();
    space.keep_cursor("one", &message.cursor).await.unwrap();
    let id = space.id();
    drop((space, device));
    let device = Device::open_agent(&home.path().join("agent"), person(ALICE), person(BOB).id()).await;
    let space = device.space(id).await;
    assert_eq!(space.kept_cursor("one").await.unwrap(), Some(message.cursor));
    assert_eq!(space.kept_cursor("two").await.unwrap(), None);
    assert!(space.subscribe_from(&message.cursor).await.is_ok());
}

/// The home of somebody who started over, and whose spaces were lost with `old`. Its keystore is this home alone, as an agent's is.
async fn home_that_lost(home: &std::path::Path, space_id: SpaceId, old: PrincipalId) -> Device {
    let device = Device::open(home, person(ALICE)).await;
    let mut content = Content::new(person(ALICE), testing::content().relay);
    let lost = KnownSpace {
        lost_with: Some(old),
        ..KnownSpace::default()
    };
    content.spaces.insert(space_id, lost);
    let account = LocalAccount {
        owner: Some(old),
        ..LocalAccount::for_tests(content)
    };
    let put = device
        .shared
        .store
        .write(move |store| store.put_account(&account));
    put.await.unwrap();
    device
}

#[tokio::test(start_paused = true)]
async fn lost_space_is_a_space_again_once_the_chain_has_the_new_keys() {
    let home = tempfile::tempdir().unwrap();
    let (bob, alice) = (person(BOB), person(ALICE));
    let mut log = TestLog::new(&bob, true);
    let mut device = home_that_lost(&home.path().join("alice"), log.space_id(), person(CAROL).id()).await;
    log.add(&bob, &alice, Capabilities::WRITE);
    let listed = async |device: &Device| device.client().known_spaces().await.unwrap()[0].lost_with;
    assert_eq!(listed(&device).await, Some(person(CAROL).id()));
    let space = device.space(log.space_id()).await;
    let relay = device.arrivals.authenticated().await;
    tokio::spawn(Script::new(relay, log, alice.id()).serve());
    space.sync().await.unwrap();
    assert_eq!(listed(&device).await, None);
}
