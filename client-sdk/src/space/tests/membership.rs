//! Who goes, who stays, and who rekeys.

use std::time::Duration;

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{self, Entry, Nack};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::contacts::ConfirmedContact;
use crate::content::Message;
use crate::testing::log::control_entry;

const CAROL: u8 = 3;

/// Longer than any member waits before it rekeys.
const LONG: Duration = Duration::from_secs(20);

/// A space of Alice with Bob in it, and Carol who manages it too.
async fn stage() -> Stage {
    let mut stage = Stage::new().await;
    let (alice, bob, carol) = (person(ALICE), person(BOB), person(CAROL));
    stage.log.add(&alice, &bob, Capabilities::WRITE);
    stage.log.add(&alice, &carol, Capabilities::ALL);
    stage
}

fn removing(space: &Space, member: PrincipalId) -> JoinHandle<Result<(), Error>> {
    let space = space.clone();
    tokio::spawn(async move { achieve(&space, &members::Removed { principal_id: member }).await })
}

async fn achieve(space: &Space, aim: &impl control::Aim) -> Result<(), Error> {
    space.core().achieve(aim, &mut crate::entropy::system()).await
}

fn body_of(entry: &Entry) -> Body {
    match &entry.kind {
        Some(Kind::Control(record)) => {
            sealpost_protocol::control::ParsedControl::parse(record)
                .unwrap()
                .body
        }
        _ => panic!("expected a control record"),
    }
}

/// Takes frames until a Publish of events comes; what else comes is answered.
async fn until_event(script: &mut Script) -> (u64, wire::Publish) {
    loop {
        let (id, publish) = script.until_publish().await;
        match &publish.entries[0].kind {
            Some(Kind::Event(_)) => return (id, publish),
            _ => script.publish(id, publish).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn removal_stages_first_and_goes_with_its_rekey_in_one_batch() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let removed = removing(&space, person(BOB).id());
    let mut staged = Vec::new();
    let (id, publish) = loop {
        match script.relay.receive().await {
            (id, ClientBody::Publish(publish)) => break (id, publish),
            (id, body) => {
                if let ClientBody::StageWraps(wraps) = &body {
                    staged.extend(wraps.wraps.iter().map(|wrap| wrap.recipient.clone()));
                }
                script.answer(id, body).await;
            }
        }
    };
    assert!(matches!(body_of(&publish.entries[0]), Body::RemoveMember(_)));
    assert!(matches!(body_of(&publish.entries[1]), Body::Rekey(_)));
    assert_eq!(publish.entries.len(), 2);
    assert_eq!(staged.len(), 2);
    assert!(!staged.contains(&person(BOB).id().to_bytes()));
    script.publish(id, publish).await;
    tokio::spawn(script.serve());
    removed.await.unwrap().unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2);
    assert_eq!(space.members().await.unwrap().len(), 2);
    space.send(Message::text("without Bob")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rekey_of_more_members_than_a_frame_takes_wraps_for_is_made_in_one_go() {
    let mut stage = stage().await;
    for seed in 10..150 {
        stage.log.add(&person(ALICE), &person(seed), Capabilities::WRITE);
    }
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    space.rekey().await.unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2);
    let progress = space.rekey_progress();
    assert_eq!((progress.done, progress.of), (2 * 143, 2 * 143));
}

#[tokio::test(start_paused = true)]
async fn removal_that_another_made_first_is_found_done() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let removed = removing(&space, person(BOB).id());
    let (id, publish) = script.until_publish().await;
    script.log.remove(&person(CAROL), &person(BOB));
    script.log.rekey(&person(CAROL));
    script.publish(id, publish).await;
    tokio::spawn(script.serve());
    removed.await.unwrap().unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2, "one rekey is enough");
}

#[tokio::test(start_paused = true)]
async fn removal_whose_wraps_come_after_the_rekey_of_another_is_found_done() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let removed = removing(&space, person(BOB).id());
    let id = loop {
        match script.relay.receive().await {
            (id, ClientBody::StageWraps(_)) => break id,
            (id, body) => script.answer(id, body).await,
        }
    };
    script.log.remove(&person(CAROL), &person(BOB));
    script.log.rekey(&person(CAROL));
    script.push().await;
    script.relay.nack(id, ErrorCode::WrongKey.as_str()).await;
    tokio::spawn(script.serve());
    removed.await.unwrap().unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2, "one rekey is enough");
}

#[tokio::test(start_paused = true)]
async fn removal_that_lost_to_another_record_is_made_again() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let removed = removing(&space, person(BOB).id());
    let (id, publish) = script.until_publish().await;
    script.log.rekey(&person(CAROL));
    script.publish(id, publish).await;
    tokio::spawn(script.serve());
    removed.await.unwrap().unwrap();
    assert_eq!(space.members().await.unwrap().len(), 2);
    assert_eq!(space.epoch().await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn lost_authority_is_told_as_such() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let removed = removing(&space, person(BOB).id());
    let (id, publish) = script.until_publish().await;
    let body = Body::SetCapabilities(wire::SetCapabilities {
        principal_id: person(ALICE).id().to_bytes(),
        capabilities: Capabilities::WRITE.bits(),
    });
    script.log.control(&person(CAROL), body);
    script.publish(id, publish).await;
    tokio::spawn(script.serve());
    let Err(Error::Refused(refusal)) = removed.await.unwrap() else {
        panic!("expected a refusal")
    };
    assert_eq!(refusal.code, Some(ErrorCode::NotPermitted));
    assert!(refusal.by_the_rules);
}

#[tokio::test(start_paused = true)]
async fn event_caught_between_removal_and_rekey_is_sealed_again_under_the_new_key() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let sending = tokio::spawn({
        let space = space.clone();
        async move { space.send(Message::text("caught")).await }
    });
    let (id, publish) = until_event(&mut script).await;
    script.log.remove(&person(CAROL), &person(BOB));
    // Refused with `rekey_required`; Carol's rekey comes later.
    script.publish(id, publish).await;
    script.step().await;
    script.log.rekey(&person(CAROL));
    script.push().await;
    tokio::spawn(script.serve());
    let sent = sending.await.unwrap().unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2);
    assert_eq!(sent.seq, 7, "behind genesis, key, two members, removal and rekey");
    assert_eq!(texts(&mut space.subscribe(Position::START), 1).await, ["caught"]);
}

#[tokio::test(start_paused = true)]
async fn member_who_stays_rekeys_for_a_remover_that_died() {
    let mut stage = Stage::new().await;
    let (alice, bob, carol) = (person(ALICE), person(BOB), person(CAROL));
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    stage.log.add(&bob, &carol, Capabilities::WRITE);
    stage.log.remove(&bob, &carol);
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    // Waits for the key that nobody but Alice is there to make.
    let sent = space.send(Message::text("after the fence")).await.unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2);
    assert_eq!(sent.seq, 7);
}

#[tokio::test(start_paused = true)]
async fn nobody_rekeys_where_another_was_faster_or_who_may_not() {
    for (capabilities, faster) in [(Capabilities::WRITE, true), (Capabilities::NONE, false)] {
        let mut stage = Stage::new().await;
        let (alice, bob, carol) = (person(ALICE), person(BOB), person(CAROL));
        stage.log = TestLog::new(&bob, true);
        stage.log.add(&bob, &alice, capabilities);
        stage.log.add(&bob, &carol, Capabilities::WRITE);
        let (space, mut script) = stage.open().await;
        script.step().await;
        script.log.remove(&bob, &carol);
        script.push().await;
        space.core().wait_for(script.log.head().seq).await.unwrap();
        if faster {
            script.log.rekey(&bob);
            script.push().await;
        }
        let published = timeout(LONG, script.until_publish()).await;
        assert!(published.is_err(), "{capabilities:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn removed_member_is_told_so_and_keeps_what_it_has_read() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    stage.log.write(&bob, "while Alice was here");
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let read = {
        let reading = texts(&mut messages, 1);
        tokio::pin!(reading);
        loop {
            tokio::select! {
                read = &mut reading => break read,
                _ = script.step() => {}
            }
        }
    };
    // The relay does not show her the removal; it ends what she reads.
    script.end_subscriptions("not_a_member").await;
    let end = messages.next().await;
    assert_eq!(read, ["while Alice was here"]);
    let Some(Err(Error::Refused(refusal))) = end else {
        panic!("expected a refusal, got {end:?}")
    };
    assert_eq!(refusal.code, Some(ErrorCode::NotAMember));
    assert!(refusal.to_string().contains("no longer a member"), "{refusal}");
    assert_eq!(
        texts(&mut space.subscribe(Position::START), 1).await,
        ["while Alice was here"]
    );
    let refused = space.send(Message::text("x")).await.unwrap_err();
    assert!(refused.to_string().contains("no longer a member"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn member_who_is_shown_its_removal_stops_there() {
    let mut stage = stage().await;
    stage.log.write(&person(BOB), "before");
    let (space, mut script) = stage.open().await;
    script.step().await;
    space.core().wait_for(script.log.head().seq).await.unwrap();
    script.log.remove(&person(CAROL), &person(ALICE));
    script.push().await;
    tokio::spawn(script.serve());
    let refused = space.send(Message::text("x")).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotAMember));
    assert_eq!(texts(&mut space.subscribe(Position::START), 1).await, ["before"]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_takes_the_ack_for_it_and_the_last_manager_cannot() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    space.leave().await.unwrap();

    let mut stage = Stage::new().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let refused = space.leave().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::ControlInvalid));
    assert!(refused.to_string().contains("hand it over first"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn leaving_whose_ack_was_lost_counts_once_the_relay_shuts_the_door() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    let (space, mut script) = stage.open().await;
    let leaving = tokio::spawn({
        let space = space.clone();
        async move { space.leave().await }
    });
    let (_, publish) = script.until_publish().await;
    script.append(publish);
    script.relay.close(1012).await;
    let mut script = stage.connected(script.log.clone()).await;
    tokio::spawn(async move {
        while let Some((id, _)) = script.relay.try_receive().await {
            script.relay.nack(id, "not_a_member").await;
        }
    });
    leaving.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn capabilities_and_policy_are_set_once() {
    let mut stage = stage().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let granted = members::Granted {
        principal_id: person(BOB).id(),
        capabilities: Capabilities::NONE,
    };
    let policy = wire::Policy {
        share_history: false,
        retention_seconds: 60,
    };
    for _ in 0..2 {
        achieve(&space, &granted).await.unwrap();
        achieve(&space, &members::PolicySet { policy }).await.unwrap();
    }
    assert_eq!(space.policy().await.unwrap(), policy);
    assert_eq!(space.verified().seq, 6, "each was written once");
    let members = space.members().await.unwrap();
    let bob = members
        .iter()
        .find(|member| member.manifest == *person(BOB).manifest());
    assert_eq!(bob.unwrap().capabilities, Capabilities::NONE);
}

#[tokio::test(start_paused = true)]
async fn deleted_space_is_believed_by_its_tombstone_alone() {
    for (author, proven) in [(CAROL, true), (BOB, false)] {
        let mut stage = stage().await;
        let (space, mut script) = stage.open().await;
        script.step().await;
        space.core().wait_for(script.log.head().seq).await.unwrap();
        let tombstone = script
            .log
            .record(&person(author), Body::Tombstone(wire::Tombstone {}));
        script
            .end_subscriptions_with(Nack {
                code: "tombstoned".to_owned(),
                tombstone: Some(Box::new(tombstone)),
                ..Nack::default()
            })
            .await;
        let refused = space.core().wait_for(u64::MAX).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::Tombstoned));
        let told = refused.to_string();
        assert_eq!(told.contains("does not prove it"), !proven, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn deleting_takes_the_ack_for_it_and_only_a_manager_may() {
    let mut stage = Stage::new().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    space.delete().await.unwrap();

    let mut stage = Stage::new().await;
    let bob = person(BOB);
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &person(ALICE), Capabilities::WRITE);
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let refused = space.delete().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotPermitted));
}

#[tokio::test(start_paused = true)]
async fn member_is_added_behind_a_fence_that_somebody_else_left() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    stage.log.add(&alice, &person(BOB), Capabilities::WRITE);
    stage.log.remove(&alice, &person(BOB));
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let aim = members::Added {
        manifest: person(CAROL).manifest().clone(),
        capabilities: Capabilities::WRITE,
    };
    achieve(&space, &aim).await.unwrap();
    assert_eq!(space.members().await.unwrap().len(), 2);
    assert_eq!(space.epoch().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn member_whom_only_the_relay_knows_of_gets_no_wrap() {
    let mut stage = stage().await;
    // As if the relay had slipped somebody in: a record that no member signed.
    let intruder = person(9);
    let forged = stage.log.record(
        &intruder,
        Body::AddMember(wire::AddMember {
            manifest: intruder.manifest().bytes().clone(),
            capabilities: Capabilities::ALL.bits(),
            wrap_hash: bytes::Bytes::from_static(&[1; 32]),
        }),
    );
    let (space, mut script) = stage.open().await;
    let mut page = script.log.page_after(0);
    page.entries.push(control_entry(forged));
    let (id, _) = script.relay.receive().await;
    let head = wire::relay_frame::Body::Subscribed(script.log.subscribed());
    script.relay.send(id, head).await;
    script.relay.send(id, wire::relay_frame::Body::Page(page)).await;
    let alarm = alarm(&mut space.subscribe(Position::START)).await;
    assert!(alarm.what.contains("not a member"), "{alarm}");
    assert_eq!(alarm.seq, Some(5));
}

fn contact(who: &crate::identity::Identity) -> ConfirmedContact {
    ConfirmedContact::for_tests("carol", who.manifest())
}

#[tokio::test(start_paused = true)]
async fn replacing_keys_by_themselves_removes_nobody() {
    let mut stage = stage().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let bob = person(BOB);
    let refused = space.replace_member(bob.id(), &contact(&bob)).await;
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    assert_eq!(space.members().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_is_in_already_gets_what_the_old_keys_may_beside_what_it_has() {
    const NEW: u8 = 4;
    let mut stage = stage().await;
    stage.log.add(&person(ALICE), &person(NEW), Capabilities::WRITE);
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let new = person(NEW);
    space
        .replace_member(person(CAROL).id(), &contact(&new))
        .await
        .unwrap();
    let members = space.members().await.unwrap();
    let capabilities = |who: u8| {
        let id = person(who).id();
        let member = members.iter().find(|member| member.manifest.id() == id);
        member.map(|member| member.capabilities)
    };
    assert_eq!(capabilities(CAROL), None);
    assert_eq!(capabilities(NEW), Some(Capabilities::ALL));
    assert_eq!(space.epoch().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrapped_besides_does_not_count_for_a_rekey() {
    let mut stage = stage().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    space.rekey().await.unwrap();
    let before = space.rekey_progress();
    assert_eq!(before.done, before.of);
    let carol = person(9);
    space
        .add_member(&contact(&carol), Capabilities::WRITE)
        .await
        .unwrap();
    assert_eq!(space.rekey_progress(), before);
}
