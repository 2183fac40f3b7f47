//! Wraps that are missing or do not open.

use std::time::Duration;

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::limits;
use sealpost_protocol::wire;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use tokio::time::timeout;

use super::*;
use crate::content::Message;

#[tokio::test(start_paused = true)]
async fn member_without_a_usable_wrap_asks_and_another_one_is_enough() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    stage.log.write(&bob, "sealed");
    let good = stage.log.wraps.remove(&(1, alice.id())).unwrap();
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let mut reading = std::pin::pin!(messages.next());
    let mut asked = Vec::new();
    let first = loop {
        tokio::select! {
            first = &mut reading => break first.unwrap(),
            body = script.step() => match body {
                ClientBody::AskForWrap(ask) => asked.push(ask.epoch),
                _ => continue,
            },
        }
    };
    assert_eq!(asked.first(), Some(&1));
    assert!(matches!(
        first,
        Err(Error::NoKey {
            epoch: 1,
            alone: false,
            ..
        })
    ));
    script.log.wraps.insert((1, alice.id()), good);
    tokio::spawn(script.serve());
    assert_eq!(texts(&mut space.subscribe(Position::START), 1).await, ["sealed"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_the_only_member_is_promised_no_key_by_others() {
    let mut stage = Stage::new().await;
    stage.log.wraps.clear();
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let error = space.send(Message::text("sealed?")).await.unwrap_err();
    assert!(matches!(error, Error::NoKey { alone: true, .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.contains("nobody else is a member") && !said.contains("gives it one,"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn holder_wraps_again_for_members_and_for_nobody_else() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log.rekey(&alice);
    stage.log.add(&alice, &bob, Capabilities::WRITE);
    let (space, mut script) = stage.open().await;
    for (epoch, who) in [(2, &bob), (2, &person(9)), (1, &bob), (3, &bob)] {
        script.want(epoch, who.id());
    }
    let staged = loop {
        if let ClientBody::StageWraps(wraps) = script.step().await {
            break wraps;
        }
    };
    let recipients: Vec<_> = staged.wraps.iter().map(|wrap| wrap.recipient.clone()).collect();
    assert_eq!((staged.epoch, recipients), (2, vec![bob.id().to_bytes()]));
    let more = timeout(Duration::from_secs(30), async {
        loop {
            if let ClientBody::StageWraps(_) = script.step().await {
                return;
            }
        }
    });
    assert!(
        more.await.is_err(),
        "nothing else was asked for by a member who may have it"
    );
    drop(space);
}

#[tokio::test(start_paused = true)]
async fn device_with_the_key_wraps_it_again_for_another_one_of_its_account() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE).id();
    let (space, mut script) = stage.open().await;
    let holding = space.has_key();
    tokio::pin!(holding);
    let held = loop {
        tokio::select! {
            biased;
            _frame = script.step() => {}
            held = &mut holding => break held.unwrap(),
        }
    };
    assert!(held);
    drop(script.relay);
    let mut script = stage.connected(script.log).await;
    script.want(1, alice);
    let staged = loop {
        if let ClientBody::StageWraps(wraps) = script.step().await {
            break wraps;
        }
    };
    assert_eq!((staged.epoch, &staged.wraps[0].recipient), (1, &alice.to_bytes()));
}

#[tokio::test(start_paused = true)]
async fn key_that_a_lost_connection_kept_back_is_fetched_over_the_next_one() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    loop {
        let (id, body) = script.relay.receive().await;
        match body {
            ClientBody::FetchWrap(_) => break,
            body => script.answer(id, body).await,
        }
    }
    drop(script.relay);
    let mut script = stage.connected(script.log).await;
    while !matches!(script.step().await, ClientBody::FetchWrap(_)) {}
    // Nothing new was in the log.
    assert_eq!(space.verified().seq, script.log.head().seq);
}

#[tokio::test(start_paused = true)]
async fn who_only_looks_in_gives_a_key_to_who_waits_for_it() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log.add(&alice, &bob, Capabilities::WRITE);
    let (space, mut script) = stage.open().await;
    script.want(1, bob.id());
    let looking = space.sync();
    tokio::pin!(looking);
    let mut helped = false;
    loop {
        tokio::select! {
            biased;
            body = script.step() => helped |= matches!(body, ClientBody::StageWraps(_)),
            synced = &mut looking => {
                synced.unwrap();
                break;
            }
        }
    }
    assert!(helped);
}

#[tokio::test(start_paused = true)]
async fn wraps_that_do_not_open_leave_one_piece_of_evidence_and_push_out_no_other() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    let (space, mut script) = stage.open().await;
    let asking = tokio::spawn({
        let space = space.clone();
        async move { space.sync().await.and(space.has_key().await) }
    });
    let mut made_up: u8 = 0;
    while !asking.is_finished() {
        let Ok((id, body)) = timeout(Duration::from_secs(1), script.relay.receive()).await else {
            continue;
        };
        if let ClientBody::FetchWrap(_) = body {
            made_up += 1;
            let sealed = vec![made_up; limits::WRAP].into();
            let key_id = bytes::Bytes::new();
            let wrap = wire::FetchedWrap { key_id, sealed };
            script.relay.send(id, RelayBody::FetchedWrap(wrap)).await;
        } else {
            script.answer(id, body).await;
        }
    }
    assert!(matches!(asking.await.unwrap(), Err(Error::Integrity(_))));
    assert!(made_up > 1);
    let evidence = space.evidence().await.unwrap();
    // Each of the two looks for a key keeps one.
    assert!(
        (1..=2).contains(&evidence.len()),
        "{} of {made_up}",
        evidence.len()
    );
}
