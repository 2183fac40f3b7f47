//! Links: made, joined by, and refused.

use std::time::Duration;

use sealpost_protocol::chain::{Capabilities, Invite};
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::invite::InviteLink;
use sealpost_protocol::wire;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use tokio::task::JoinHandle;

use super::*;
use crate::client::Client;
use crate::content::Message;
use crate::invite::InviteKeys;

const ORIGIN: &str = "http://relay.localhost:7450";
const CAROL: u8 = 3;

/// Bob's space, with something in it.
fn bobs_log(share_history: bool) -> TestLog {
    let bob = person(BOB);
    let mut log = TestLog::new(&bob, share_history);
    log.write(&bob, "before Alice");
    log
}

fn link_to(log: &TestLog) -> InviteLink {
    InviteLink::new([5; 32], ORIGIN, log.space_id()).unwrap()
}

/// A stage with a link of Bob's to his space.
async fn invited(share_history: bool, needs_approval: bool) -> (Stage, InviteLink) {
    let mut stage = Stage::new().await;
    stage.log = bobs_log(share_history);
    let link = link_to(&stage.log);
    stage.log.invite(&person(BOB), &link, needs_approval);
    (stage, link)
}

fn joining(stage: &Stage, link: &InviteLink) -> JoinHandle<Result<Joined, Error>> {
    let client: Client = stage.device.client();
    let link: InviteLink = link.expose_text().parse().unwrap();
    tokio::spawn(async move { client.join(&link).await })
}

async fn space_of(joined: JoinHandle<Result<Joined, Error>>) -> Space {
    match joined.await.unwrap() {
        Ok(Joined::Member(space)) => space,
        Ok(Joined::Waiting(_)) => panic!("it waits"),
        Err(error) => panic!("{error}"),
    }
}

async fn refused(joined: JoinHandle<Result<Joined, Error>>) -> Error {
    match joined.await.unwrap() {
        Ok(_) => panic!("nobody should have been let in"),
        Err(error) => error,
    }
}

#[tokio::test(start_paused = true)]
async fn newcomer_joins_by_a_link_with_nobody_online_and_reads_everything() {
    let (mut stage, link) = invited(true, false).await;
    stage.log.rekey(&person(BOB));
    stage.log.write(&person(BOB), "under a later key");
    let joined = joining(&stage, &link);
    let script = stage.connected(stage.log.clone()).await;
    tokio::spawn(script.serve());
    let space = space_of(joined).await;
    let read = texts(&mut space.subscribe(Position::START), 2).await;
    assert_eq!(read, ["before Alice", "under a later key"]);
    space.send(Message::text("here I am")).await.unwrap();
    assert!(space.invites().await.unwrap().is_empty(), "it was for one");
}

#[tokio::test(start_paused = true)]
async fn join_that_lost_to_another_record_is_made_again() {
    let (mut stage, link) = invited(true, false).await;
    let joined = joining(&stage, &link);
    let mut script = stage.connected(stage.log.clone()).await;
    let (id, publish) = script.until_publish().await;
    script.log.rekey(&person(BOB));
    script.publish(id, publish).await;
    tokio::spawn(script.serve());
    let space = space_of(joined).await;
    assert_eq!(
        texts(&mut space.subscribe(Position::START), 1).await,
        ["before Alice"]
    );
}

#[tokio::test(start_paused = true)]
async fn join_whose_answer_was_lost_is_found_done() {
    let (mut stage, link) = invited(true, false).await;
    let joined = joining(&stage, &link);
    let mut script = stage.connected(stage.log.clone()).await;
    let (_, publish) = script.until_publish().await;
    script.append(publish);
    script.relay.close(1012).await;
    let script = stage.connected(script.log.clone()).await;
    tokio::spawn(script.serve());
    let space = space_of(joined).await;
    assert_eq!(space.members().await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn closed_invites_are_refused_with_a_reason() {
    let close: [fn(&mut TestLog, &InviteLink); 2] = [
        |log, link| {
            let invite_key = bytes::Bytes::copy_from_slice(InviteKeys::of(link).public().as_bytes());
            log.control(
                &person(BOB),
                Body::RevokeInvite(wire::RevokeInvite { invite_key }),
            );
        },
        |log, _| {
            log.add(&person(BOB), &person(CAROL), Capabilities::WRITE);
            log.remove(&person(BOB), &person(CAROL));
            log.rekey(&person(BOB));
        },
    ];
    for close in close {
        let (mut stage, link) = invited(true, false).await;
        close(&mut stage.log, &link);
        let joined = joining(&stage, &link);
        let script = stage.connected(stage.log.clone()).await;
        tokio::spawn(script.serve());
        let error = refused(joined).await;
        assert_eq!(error.code(), Some(ErrorCode::InviteVoid), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn link_to_another_relay_goes_nowhere() {
    let stage = Stage::new().await;
    let elsewhere = InviteLink::new([5; 32], "https://relay.example.org", stage.log.space_id()).unwrap();
    let error = refused(joining(&stage, &elsewhere)).await;
    assert!(matches!(error, Error::Usage(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn space_that_a_relay_made_up_for_a_link_raises_the_alarm() {
    let (mut stage, link) = invited(true, false).await;
    let joined = joining(&stage, &link);
    let mut script = stage.connected(stage.log.clone()).await;
    let (id, _) = script.relay.receive().await;
    let other = TestLog::new(&person(CAROL), true);
    let Some(wire::entry::Kind::Control(genesis)) = other.entries[0].kind.clone() else {
        panic!("a log begins with a control record")
    };
    let fetched = wire::FetchedInvite {
        controls: vec![genesis],
        control_index: 1,
        wrap: bytes::Bytes::new(),
    };
    script.relay.send(id, RelayBody::FetchedInvite(fetched)).await;
    assert!(matches!(refused(joined).await, Error::Integrity(_)));
}

#[tokio::test(start_paused = true)]
async fn invite_with_another_secret_than_the_chain_names_lets_nobody_in() {
    let (mut stage, link) = invited(true, false).await;
    stage.log.damage_wraps();
    let joined = joining(&stage, &link);
    let script = stage.connected(stage.log.clone()).await;
    tokio::spawn(script.serve());
    assert!(matches!(refused(joined).await, Error::Integrity(_)));
}

#[tokio::test(start_paused = true)]
async fn newcomer_without_history_waits_for_a_member_and_reads_from_then_on() {
    let (mut stage, link) = invited(false, false).await;
    let joined = joining(&stage, &link);
    let mut script = stage.connected(stage.log.clone()).await;
    let (id, publish) = script.until_publish().await;
    script.publish(id, publish).await;
    while script.log.head().seq < 6 {
        // Bob comes back before Alice rekeys for herself, as she may.
        script.step().await;
        if script.log.fold.chain().waits_for_rekey() {
            script.log.rekey(&person(BOB));
            script.log.write(&person(BOB), "after Alice");
            script.push().await;
        }
    }
    tokio::spawn(script.serve());
    let space = space_of(joined).await;
    assert_eq!(
        texts(&mut space.subscribe(Position::START), 1).await,
        ["after Alice"]
    );
}

#[tokio::test(start_paused = true)]
async fn who_needs_approval_waits_and_is_approved_by_id() {
    let (mut stage, link) = invited(true, true).await;
    let joined = joining(&stage, &link);
    let script = stage.connected(stage.log.clone()).await;
    tokio::spawn(script.serve());
    let joined = joined.await.unwrap().unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(joined, Joined::Waiting(id) if id == stage.log.space_id()));

    let mut stage = Stage::new().await;
    let link = link_to(&stage.log);
    stage.log.invite(&person(ALICE), &link, true);
    stage.log.accept(&person(BOB), &link);
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    assert_eq!(space.applicants().await.unwrap().len(), 1);
    assert!(space.approve(person(CAROL).id()).await.is_err(), "nobody waits");
    space.approve(person(BOB).id()).await.unwrap();
    assert_eq!(space.members().await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn rekeys_wrap_to_open_invites_and_to_closed_ones_no_more() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let working = tokio::spawn({
        let space = space.clone();
        async move {
            let link = space.create_invite(InviteOptions::default()).await.unwrap();
            let [invite]: [Invite; 1] = space.invites().await.unwrap().try_into().unwrap();
            space.rekey().await.unwrap();
            space.revoke_invite(invite.key).await.unwrap();
            space.rekey().await.unwrap();
            (link, invite)
        }
    });
    let mut staged: Vec<Vec<bytes::Bytes>> = Vec::new();
    while staged.len() < 2 {
        if let ClientBody::StageWraps(wraps) = script.step().await {
            staged.push(wraps.wraps.into_iter().map(|wrap| wrap.recipient).collect());
        }
    }
    tokio::spawn(script.serve());
    let (link, invite) = working.await.unwrap();
    let recipient = InviteKeys::of(&link).recipient().id().to_bytes();
    assert_eq!(invite.uses_left, 1);
    assert!(staged[0].contains(&recipient) && !staged[1].contains(&recipient));
    assert_eq!(link.relay_url(), ORIGIN);
}

#[tokio::test(start_paused = true)]
async fn invite_says_what_was_asked_for() {
    let mut stage = Stage::new().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let options = InviteOptions {
        capabilities: Capabilities::NONE,
        valid_for: Some(Duration::from_secs(60)),
        uses: 7,
        needs_approval: true,
    };
    space.create_invite(options).await.unwrap();
    let invites = space.invites().await.unwrap();
    let invite = &invites[0];
    assert_eq!((invite.capabilities, invite.uses_left), (Capabilities::NONE, 7));
    assert!(invite.needs_approval && !invite.carries_secret && invite.expires_at_s > 0);
    assert_eq!(invite.created_by, person(ALICE).id());
}

#[tokio::test(start_paused = true)]
async fn join_that_was_made_before_is_found_done_by_the_verified_chain() {
    let (mut stage, link) = invited(true, true).await;
    let alice = person(ALICE);
    stage.log.accept(&alice, &link);
    stage.log.add(&person(BOB), &alice, Capabilities::WRITE);
    let joined = joining(&stage, &link);
    let script = stage.connected(stage.log.clone()).await;
    tokio::spawn(script.serve());
    let space = space_of(joined).await;
    assert_eq!(space.members().await.unwrap().len(), 2);
}

/// An invite whose time is over, as a record of its maker.
fn expired(link: &InviteLink) -> Body {
    let keys = InviteKeys::of(link);
    Body::CreateInvite(wire::CreateInvite {
        invite_key: bytes::Bytes::copy_from_slice(keys.public().as_bytes()),
        capabilities: Capabilities::WRITE.bits(),
        expires_at_s: 1,
        uses: 1,
        needs_approval: false,
        hpke_key: keys.hpke_public().clone(),
        wrap: bytes::Bytes::new(),
    })
}

#[tokio::test(start_paused = true)]
async fn expired_invite_of_another_does_not_keep_an_admin_from_adding() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, false);
    let admin = Capabilities::WRITE.with(Capabilities::INVITE);
    stage.log.add(&bob, &alice, admin);
    stage.log.rekey(&bob);
    let (of_bob, of_alice) = (
        link_to(&stage.log),
        InviteLink::new([6; 32], ORIGIN, stage.log.space_id()).unwrap(),
    );
    stage.log.control(&bob, expired(&of_bob));
    stage.log.control(&alice, expired(&of_alice));
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let carol = crate::contacts::ConfirmedContact::for_tests("carol", person(CAROL).manifest());
    space.add_member(&carol, Capabilities::WRITE).await.unwrap();
    assert_eq!(space.members().await.unwrap().len(), 3);
    let open = space.invites().await.unwrap();
    assert_eq!(
        (open.len(), open[0].created_by),
        (1, bob.id()),
        "the own one is closed"
    );
}

#[tokio::test(start_paused = true)]
async fn approval_does_not_override_a_refusal_that_came_first() {
    let mut stage = Stage::new().await;
    let link = link_to(&stage.log);
    stage.log.invite(&person(ALICE), &link, true);
    stage.log.accept(&person(BOB), &link);
    let (space, mut script) = stage.open().await;
    let approving = tokio::spawn({
        let space = space.clone();
        async move { space.approve(person(BOB).id()).await }
    });
    let (id, publish) = script.until_publish().await;
    // Another manager, or another device of Alice, has turned Bob away.
    script.log.remove(&person(ALICE), &person(BOB));
    script.publish(id, publish).await;
    tokio::spawn(script.serve());
    let refused = approving.await.unwrap();
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    assert_eq!(space.members().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn invite_that_outlasts_the_clock_has_the_last_moment_as_its_end() {
    let mut stage = Stage::new().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let options = InviteOptions {
        valid_for: Some(Duration::MAX),
        ..InviteOptions::default()
    };
    space.create_invite(options).await.unwrap();
    assert_eq!(space.invites().await.unwrap()[0].expires_at_s, u64::MAX);
}
