//! Whom a revocation takes out of a space, and what it says where it does not.

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::wire::client_frame::Body as ClientBody;

use super::*;
use crate::identity::Identity;
use crate::testing::person;
use crate::testing::relay::Script;
use crate::testing::stage::{ALICE, BOB, Stage};

const AGENT: u8 = 7;

fn agent() -> Identity {
    person(AGENT).into_agent()
}

fn meant(id: PrincipalId) -> Meant {
    Meant {
        id,
        is_vouched_for: true,
        is_known: true,
    }
}

fn revoked(id: PrincipalId) -> RevokedAgent {
    RevokedAgent {
        principal_id: id,
        removed_from: Vec::new(),
        still_in: Vec::new(),
    }
}

/// Alice's space with Bob and an agent in it.
async fn stage() -> Stage {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    stage.log.add(&alice, &person(BOB), Capabilities::WRITE);
    stage.log.add(&alice, &agent(), Capabilities::WRITE);
    stage
}

async fn take_out(space: &Space, meant: Meant) -> RevokedAgent {
    let mut revoked = revoked(meant.id);
    revoked.take_out(space, meant).await;
    revoked
}

/// Answers what is asked until `work` is done, and refuses what reads the log with this code.
async fn refusing<T>(mut script: Script, code: &str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            (id, body) = script.relay.receive() => match body {
                ClientBody::Subscribe(_) => script.relay.nack(id, code).await,
                other => script.answer(id, other).await,
            },
        }
    }
}

#[tokio::test(start_paused = true)]
async fn agent_that_the_owner_vouches_for_is_taken_out() {
    let mut stage = stage().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let revoked = take_out(&space, meant(agent().id())).await;
    assert_eq!(revoked.removed_from, [space.id()]);
    assert_eq!(space.members().await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn relay_does_not_choose_who_is_taken_out() {
    let mut stage = stage().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let person = take_out(&space, meant(person(BOB).id())).await;
    assert!(person.removed_from.is_empty() && person.still_in.is_empty());
    let foreign = Meant {
        is_vouched_for: false,
        ..meant(agent().id())
    };
    let foreign = take_out(&space, foreign).await;
    assert!(foreign.removed_from.is_empty());
    let [(_, Error::Usage(why))] = &foreign.still_in[..] else {
        panic!("{foreign:?}")
    };
    assert!(why.contains(&agent().id().to_string()), "{why}");
    assert_eq!(space.members().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn space_that_the_relay_hides_is_named_while_the_chain_shows_the_agent() {
    for code in ["not_a_member", "tombstoned"] {
        let mut stage = stage().await;
        let (space, script) = stage.open().await;
        let serving = tokio::spawn(script.serve());
        space.sync().await.unwrap();
        serving.abort();
        // The connection ends with the script that served it.
        let _ = serving.await;
        let script = stage.connected(stage.log.clone()).await;
        let revoked = Box::pin(refusing(script, code, take_out(&space, meant(agent().id())))).await;
        assert!(
            matches!(revoked.still_in[..], [(_, Error::Refused(_))]),
            "{code}: {revoked:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn space_that_no_device_has_read_is_none_of_the_agents() {
    let mut stage = stage().await;
    let (space, script) = stage.open().await;
    let revoked = Box::pin(refusing(
        script,
        "not_a_member",
        take_out(&space, meant(agent().id())),
    ))
    .await;
    assert!(revoked.still_in.is_empty(), "{revoked:?}");
}

#[tokio::test(start_paused = true)]
async fn space_that_cannot_be_read_now_is_named_even_where_the_agent_was_not_seen() {
    let mut stage = stage().await;
    let (space, script) = stage.open().await;
    let serving = tokio::spawn(script.serve());
    space.sync().await.unwrap();
    serving.abort();
    let _ = serving.await;
    let script = stage.connected(stage.log.clone()).await;
    let never_seen = person(9).into_agent().id();
    let revoked = Box::pin(refusing(
        script,
        "overloaded",
        take_out(&space, meant(never_seen)),
    ))
    .await;
    assert!(
        matches!(revoked.still_in[..], [(_, Error::Refused(_))]),
        "{revoked:?}"
    );
}

#[test]
fn agent_is_picked_by_name_or_first_digits_and_never_guessed_at() {
    let ids = [[0xaa; 32], [0xab; 32], [0xac; 32]].map(PrincipalId::new);
    let named = |name: &str, is_confirmed| (name.to_owned(), is_confirmed);
    let agents = BTreeMap::from([
        (ids[0], named("helper", true)),
        (ids[1], named("helper", false)),
        (ids[2], named("aaaaaa", false)),
    ]);
    let picked = |wanted: &str| pick(wanted, &agents).map(|meant| (meant.id, meant.is_vouched_for));
    let whole = ids[1].to_string();
    assert_eq!(picked("aaaaaaa").unwrap(), (ids[0], true));
    // The relay says who has these digits, and says so of the name too.
    assert_eq!(picked("ababab").unwrap(), (ids[1], false));
    assert_eq!(picked(&whole).unwrap(), (ids[1], true));
    assert_eq!(picked("aaaaaa").unwrap(), (ids[2], false));
    for nobody in ["", "ababa", "helpe", "cccccc"] {
        assert!(picked(nobody).is_err(), "{nobody}");
    }
    let forgotten = pick(&"ee".repeat(31), &agents).err();
    assert!(forgotten.is_some(), "not a whole id");
    let gone = pick(&"ee".repeat(32), &agents).unwrap();
    assert_eq!(
        (gone.id, gone.is_vouched_for, gone.is_known),
        (PrincipalId::new([0xee; 32]), true, false)
    );
    let both = picked("helper").unwrap_err().to_string();
    for id in &ids[..2] {
        assert!(both.contains(&id.to_string()), "{both}");
    }
}
