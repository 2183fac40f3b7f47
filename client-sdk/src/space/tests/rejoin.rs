//! Who was out and is in again.

use std::time::Duration;

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::invite::InviteLink;
use sealpost_protocol::wire;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use tokio::time::{interval, timeout};

use super::*;
use crate::content::Message;
use crate::store::log::known_spaces;
use crate::transport::Incoming;

/// More than two pages of log.
const MISSED: usize = 40;

/// How a membership ends.
type Exit = fn(&mut TestLog);

fn leave(log: &mut TestLog) {
    log.control(&person(ALICE), Body::Leave(wire::Leave {}));
}

fn removal(log: &mut TestLog) {
    log.remove(&person(BOB), &person(ALICE));
}

/// Bob's space with Alice in it and a message that she can read.
fn with_alice(share_history: bool) -> TestLog {
    let (alice, bob) = (person(ALICE), person(BOB));
    let mut log = TestLog::new(&bob, share_history);
    log.add(&bob, &alice, Capabilities::WRITE);
    log.rekey(&bob);
    log.write(&bob, "while Alice was here");
    log
}

/// Alice goes, much is written without her, and there is a link for her.
fn miss(log: &mut TestLog, exit: Exit) -> InviteLink {
    let bob = person(BOB);
    exit(log);
    log.rekey(&bob);
    for number in 0..MISSED {
        log.write(&bob, &format!("missed {number}"));
    }
    let link = InviteLink::new([8; 32], "http://relay.localhost:7450", log.space_id()).unwrap();
    log.invite(&bob, &link, false);
    link
}

/// Alice's device has read the space and holds it open; the relay has her leave it.
async fn told_to_go(stage: &mut Stage) -> (Space, Script) {
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    {
        let reading = texts(&mut messages, 1);
        tokio::pin!(reading);
        loop {
            tokio::select! {
                _ = &mut reading => break,
                _ = script.step() => {}
            }
        }
    }
    script.end_subscriptions("not_a_member").await;
    let told = space.core().wait_for(u64::MAX).await.unwrap_err();
    assert_eq!(told.code(), Some(ErrorCode::NotAMember));
    (space, script)
}

async fn join(stage: &Stage, link: &InviteLink) -> Space {
    match stage.device.client().join(link).await {
        Ok(Joined::Member(space)) => space,
        Ok(Joined::Waiting(_)) => panic!("it waits"),
        Err(error) => panic!("{error}"),
    }
}

/// Reads everything, and writes.
async fn expect_back(space: &Space) {
    let read = texts(&mut space.subscribe(Position::START), 1 + MISSED).await;
    assert_eq!(read[0], "while Alice was here");
    assert_eq!(read[MISSED], format!("missed {}", MISSED - 1));
    space.send(Message::text("back again")).await.unwrap();
    assert!(space.evidence().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_left_or_was_removed_rejoins_by_a_link_and_reads_what_was_missed() {
    for exit in [leave as Exit, removal] {
        let mut stage = Stage::new().await;
        stage.log = with_alice(true);
        drop(told_to_go(&mut stage).await);
        let link = miss(&mut stage.log, exit);
        stage.restart().await;
        let joining = {
            let (client, link) = (stage.device.client(), link.expose_text());
            tokio::spawn(async move { client.join(&link.parse().unwrap()).await.map(drop) })
        };
        let script = stage.connected(stage.log.clone()).await;
        tokio::spawn(script.serve());
        joining.await.unwrap().unwrap();
        expect_back(&stage.device.space(stage.log.space_id()).await).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_added_again_meanwhile_reads_on_through_the_own_removal() {
    for exit in [leave as Exit, removal] {
        let mut stage = Stage::new().await;
        stage.log = with_alice(true);
        drop(told_to_go(&mut stage).await);
        miss(&mut stage.log, exit);
        stage.log.add(&person(BOB), &person(ALICE), Capabilities::WRITE);
        stage.restart().await;
        let (space, script) = stage.open().await;
        tokio::spawn(script.serve());
        expect_back(&space).await;
    }
}

#[tokio::test(start_paused = true)]
async fn space_that_is_open_since_before_the_removal_is_opened_anew_by_the_join() {
    for exit in [leave as Exit, removal] {
        let mut stage = Stage::new().await;
        stage.log = with_alice(true);
        let (before, mut script) = told_to_go(&mut stage).await;
        let link = miss(&mut script.log, exit);
        tokio::spawn(script.serve());
        let again = join(&stage, &link).await;
        expect_back(&again).await;
        let stopped = before.sync().await.unwrap_err();
        assert_eq!(
            stopped.code(),
            Some(ErrorCode::NotAMember),
            "the old handle stays stopped"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn end_of_the_old_membership_that_is_told_late_does_not_end_the_new_one() {
    let mut stage = Stage::new().await;
    stage.log = with_alice(true);
    let (space, mut script) = stage.open().await;
    script.step().await;
    space.core().wait_for(script.log.head().seq).await.unwrap();
    let link = miss(&mut script.log, removal);
    let joining = {
        let (client, link) = (stage.device.client(), link.expose_text());
        tokio::spawn(async move { client.join(&link.parse().unwrap()).await.map(drop) })
    };
    let (id, publish) = script.until_publish().await;
    let published = script.append(publish);
    script.relay.send(id, RelayBody::Published(published)).await;
    script.end_subscriptions("not_a_member").await;
    tokio::spawn(script.serve());
    joining.await.unwrap().unwrap();
    expect_back(&stage.device.space(space.id()).await).await;
}

#[tokio::test(start_paused = true)]
async fn new_device_of_who_rejoined_without_history_reads_both_memberships_and_nothing_between() {
    let mut stage = Stage::new().await;
    stage.log = with_alice(false);
    let alice = person(ALICE);
    miss(&mut stage.log, removal);
    stage.log.add(&person(BOB), &alice, Capabilities::WRITE);
    let current = stage.log.fold.chain().epoch_number();
    stage.log.wraps.remove(&(current, alice.id()));
    stage.log.rekey(&person(BOB));
    stage.log.write(&person(BOB), "since Alice is back");
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let read = texts(&mut space.subscribe(Position::START), 2).await;
    assert_eq!(read, ["while Alice was here", "since Alice is back"]);
    space.send(Message::text("me too")).await.unwrap();
}

/// Answers a subscription with the removal, where it has not been read yet, and with a head that is far behind it.
async fn promise_more(script: &mut Script) {
    let (id, body) = script.relay.receive().await;
    let ClientBody::Subscribe(from) = body else {
        panic!("expected a Subscribe frame, got {body:?}")
    };
    let head = wire::Subscribed {
        head_seq: script.log.head().seq + 1000,
        ..script.log.subscribed()
    };
    script.relay.send(id, RelayBody::Subscribed(head)).await;
    if from.after_seq == 0 {
        let page = script.log.page_after(0);
        script.relay.send(id, RelayBody::Page(page)).await;
    }
}

/// Waits until the space has stopped and expects that it is the end of the membership.
async fn expect_told(space: &Space) {
    let mut progress = space.core().progress();
    let stopped = progress.wait_for(|now| now.stopped.is_some());
    let stop = stopped.await.unwrap().stopped.clone().unwrap();
    assert_eq!(stop.to_error().code(), Some(ErrorCode::NotAMember));
}

#[tokio::test(start_paused = true)]
async fn removal_is_told_where_the_relay_promises_more_and_does_not_send_it() {
    let mut stage = Stage::new().await;
    stage.log = with_alice(true);
    removal(&mut stage.log);
    let (space, mut script) = stage.open().await;
    promise_more(&mut script).await;
    // It is there, hears everything and says nothing.
    tokio::spawn(async move {
        let mut pings = interval(Duration::from_secs(10));
        loop {
            tokio::select! {
                _ = pings.tick() => script.relay.deliver(Ok(Incoming::Alive)).await,
                frame = script.relay.try_receive() => if frame.is_none() { return },
            }
        }
    });
    let told = timeout(Duration::from_secs(61), expect_told(&space)).await;
    told.expect("a minute is enough");
}

#[tokio::test(start_paused = true)]
async fn removal_is_told_where_the_relay_promises_more_and_hangs_up_each_time() {
    let mut stage = Stage::new().await;
    stage.log = with_alice(true);
    removal(&mut stage.log);
    let (space, mut script) = stage.open().await;
    let relay = async {
        loop {
            promise_more(&mut script).await;
            // Behind what was sent before.
            script.relay.close(1012).await;
            script = stage.connected(script.log.clone()).await;
        }
    };
    tokio::select! {
        () = relay => {}
        () = expect_told(&space) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn removal_that_is_the_end_of_the_log_is_told_to_the_process_that_starts_behind_it() {
    let mut stage = Stage::new().await;
    stage.log = with_alice(true);
    removal(&mut stage.log);
    for _process in 0..2 {
        let (space, script) = stage.open().await;
        tokio::spawn(script.serve());
        let told = space.core().wait_for(u64::MAX).await.unwrap_err();
        assert!(told.to_string().contains("no longer a member"), "{told}");
        drop(space);
        stage.restart().await;
    }
}

#[tokio::test(start_paused = true)]
async fn newcomer_to_a_long_log_reads_back_before_all_of_it_is_verified() {
    let mut stage = Stage::new().await;
    stage.log = with_alice(true);
    miss(&mut stage.log, removal);
    stage.log.rekey(&person(BOB));
    stage.log.add(&person(BOB), &person(ALICE), Capabilities::WRITE);
    // As for somebody who was never there before.
    stage.log.wraps.retain(|(epoch, _), _| *epoch > 3);
    let (space, script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    tokio::spawn(script.serve());
    texts(&mut messages, 1 + MISSED).await;
}

#[tokio::test(start_paused = true)]
async fn epochs_from_before_history_was_shared_are_left_out_and_end_no_stream() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, false);
    stage.log.write(&bob, "closed");
    let policy = Some(wire::Policy {
        share_history: true,
        retention_seconds: 0,
    });
    stage.log.rekey(&bob);
    stage
        .log
        .control(&bob, Body::SetPolicy(wire::SetPolicy { policy }));
    stage.log.write(&bob, "open");
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    assert_eq!(texts(&mut space.subscribe(Position::START), 1).await, ["open"]);
}

#[tokio::test(start_paused = true)]
async fn removed_newcomer_without_history_still_reads_what_it_had() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, false);
    stage.log.write(&bob, "closed");
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    stage.log.wraps.remove(&(1, alice.id()));
    stage.log.rekey(&bob);
    stage.log.write(&bob, "while Alice was here");
    let (space, script) = told_to_go(&mut stage).await;
    drop((space, script));
    stage.restart().await;
    let space = stage.device.space(stage.log.space_id()).await;
    let mut relay = stage.device.arrivals.authenticated().await;
    tokio::spawn(async move {
        while let Some((id, _)) = relay.try_receive().await {
            relay.nack(id, "not_a_member").await;
        }
    });
    let read = texts(&mut space.subscribe(Position::START), 1).await;
    assert_eq!(read, ["while Alice was here"]);
}

#[tokio::test(start_paused = true)]
async fn end_of_a_membership_is_noted_until_it_is_forgotten_with_all_that_was_read() {
    let mut stage = Stage::new().await;
    stage.log = with_alice(true);
    let (space, script) = told_to_go(&mut stage).await;
    let id = space.id();
    drop((space, script));
    let store = &stage.device.shared.store;
    let ends = || store.read(|store| store.ends());
    assert_eq!(ends().await.unwrap().get(&id), Some(&SpaceEnd::Removed));
    let left = store.write(move |store| {
        store.put_end(id, SpaceEnd::Left)?;
        // The relay says the same of who has left.
        store.put_end(id, SpaceEnd::Removed)
    });
    left.await.unwrap();
    assert_eq!(ends().await.unwrap().get(&id), Some(&SpaceEnd::Left));
    store.write(move |store| store.forget_space(id)).await.unwrap();
    assert!(ends().await.unwrap().is_empty());
    assert!(store.read(known_spaces).await.unwrap().is_empty());
}
