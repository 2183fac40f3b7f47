use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use sealpost_protocol::wire::{Nack, Publish, Published};
use tokio::time::{Instant, timeout};

use super::*;
use crate::error::StoreError;
use crate::store::log::SpaceLog;
use crate::testing::log::TestLog;

async fn refuse(script: &Script, id: u64, nack: Nack) {
    let published = Published {
        acks: Vec::new(),
        nack: Some(nack),
    };
    script.relay.send(id, RelayBody::Published(published)).await;
}

fn nack(code: &str) -> Nack {
    Nack {
        code: code.to_owned(),
        ..Nack::default()
    }
}

#[tokio::test(start_paused = true)]
async fn busy_relay_is_asked_again_when_it_says() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let sending = send(&space, "later");
    let (id, first) = script.until_publish().await;
    let begun = Instant::now();
    refuse(
        &script,
        id,
        Nack {
            retry_after_ms: 7_000,
            ..nack("overloaded")
        },
    )
    .await;
    let (id, again) = script.until_publish().await;
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert_eq!(again, first);
    script.publish(id, again).await;
    tokio::spawn(script.serve());
    sending.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn refusal_for_good_is_told_and_the_event_stays_in_the_outbox() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let sending = send(&space, "too much");
    let (id, _) = script.until_publish().await;
    refuse(
        &script,
        id,
        Nack {
            limit: 10,
            ..nack("quota_exceeded")
        },
    )
    .await;
    let Err(Error::Refused(refusal)) = sending.await.unwrap() else {
        panic!("expected a refusal")
    };
    assert_eq!(refusal.limit, Some(10));
    tokio::spawn(script.serve());
    space.send(Message::text("next")).await.unwrap();
    assert_eq!(read_all(&space, 2).await, ["too much", "next"]);
}

/// A space whose relay has refused a message for good.
async fn over_the_quota(stage: &mut Stage) -> (Space, Script) {
    let (space, mut script) = stage.open().await;
    let sending = send(&space, "too much");
    let (id, _) = script.until_publish().await;
    refuse(&script, id, nack("quota_exceeded")).await;
    sending.await.unwrap().unwrap_err();
    (space, script)
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_listed_and_flushed_once_there_is_room() {
    let mut stage = Stage::new().await;
    let (space, mut script) = over_the_quota(&mut stage).await;
    let client = stage.device.client();
    let unsent = client.unsent(space.id()).await.unwrap();
    assert_eq!(unsent.len(), 1);
    assert_eq!(unsent[0].messages, [Message::text("too much")]);
    let flushing = tokio::spawn({
        let space = space.clone();
        async move { space.flush().await }
    });
    let (id, _) = script.until_publish().await;
    refuse(&script, id, nack("quota_exceeded")).await;
    let refused = flushing.await.unwrap().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::QuotaExceeded));
    let serving = tokio::spawn(script.serve());
    space.flush().await.unwrap();
    assert_eq!(read_all(&space, 1).await, ["too much"]);
    assert!(client.unsent(space.id()).await.unwrap().is_empty());
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_not_sent_and_nothing_is_signed_in_its_place() {
    let mut stage = Stage::new().await;
    let (space, script) = over_the_quota(&mut stage).await;
    let client = stage.device.client();
    let one = GivenUp {
        events: 1,
        messages: 1,
    };
    assert_eq!(client.drop_unsent(space.id()).await.unwrap(), one);
    assert_eq!(client.drop_unsent(space.id()).await.unwrap(), GivenUp::default());
    // The script fails the test if two events are signed for one place of one writer.
    let serving = tokio::spawn(script.serve());
    space.send(Message::text("less")).await.unwrap();
    assert_eq!(read_all(&space, 1).await, ["less"]);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn what_would_be_lost_with_an_outbox_is_counted_while_nobody_sends() {
    let mut stage = Stage::new().await;
    let (space, _script) = over_the_quota(&mut stage).await;
    let (id, store) = (space.id(), &stage.device.shared.store);
    let turn = keep_unsent(store, id).await.unwrap();
    let second = keep_unsent(store, id).await.err();
    assert!(
        matches!(second, Some(Error::Store(StoreError::Sending))),
        "{second:?}"
    );
    drop(turn);
    let counting = store.read(move |store| to_give_up(&SpaceLog::find_or_empty(store, id)?));
    assert_eq!(counting.await.unwrap().messages, 1);
    let unknown = keep_unsent(store, SpaceId::new([9; 32])).await.unwrap();
    assert!(unknown.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_hears_by_a_refusal_that_they_may_not_write_has_nothing_kept() {
    for code in ["not_a_member", "not_permitted"] {
        let mut stage = Stage::new().await;
        let (space, mut script) = stage.open().await;
        let sending = send(&space, "in vain");
        let (id, _) = script.until_publish().await;
        refuse(&script, id, nack(code)).await;
        sending.await.unwrap().unwrap_err();
        let unsent = stage.device.client().unsent(space.id()).await.unwrap();
        assert!(unsent.is_empty(), "{code}");
        let serving = tokio::spawn(script.serve());
        space.send(Message::text("let in again")).await.unwrap();
        assert_eq!(read_all(&space, 1).await, ["let in again"]);
        serving.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_relay_may_have_is_kept_whatever_it_says_later() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let sending = send(&space, "perhaps");
    script.until_publish().await;
    script.relay.close(1012).await;
    let relay = stage.device.arrivals.authenticated().await;
    let mut script = script.reconnected(relay);
    let (id, _) = script.until_publish().await;
    refuse(&script, id, nack("not_a_member")).await;
    sending.await.unwrap().unwrap_err();
    let unsent = stage.device.client().unsent(space.id()).await.unwrap();
    assert_eq!(unsent.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_signed_in_a_membership_that_has_ended_goes_out_only_when_it_is_asked_for() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &alice, Capabilities::WRITE);
    let (space, mut script) = over_the_quota(&mut stage).await;
    drop(space);
    script.log.remove(&bob, &alice);
    script.log.rekey(&bob);
    script.log.add(&bob, &alice, Capabilities::WRITE);
    stage.log = script.log.clone();
    stage.restart().await;
    let (space, mut script) = stage.open().await;
    let before = script.log.head();
    let looking = async {
        loop {
            script.step().await;
        }
    };
    let _over = timeout(Duration::from_secs(30), looking).await;
    assert_eq!(script.log.head(), before, "a mere look posted it");
    assert_eq!(stage.device.client().unsent(space.id()).await.unwrap().len(), 1);
    let serving = tokio::spawn(script.serve());
    space.flush().await.unwrap();
    assert_eq!(read_all(&space, 1).await, ["too much"]);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn reader_cannot_write_and_nothing_is_sent() {
    let mut stage = Stage::new().await;
    let bob = person(BOB);
    stage.log = TestLog::new(&bob, true);
    stage.log.add(&bob, &person(ALICE), Capabilities::NONE);
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let Err(Error::Refused(refusal)) = space.send(Message::text("x")).await else {
        panic!("expected a refusal")
    };
    assert_eq!(refusal.word, "not_permitted");
}

#[tokio::test(start_paused = true)]
async fn events_caught_by_a_rekey_are_sealed_again_at_their_places() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let mut sender = space.sender(Packing::OnePerEvent);
    for number in 0..40 {
        sender.feed(Message::text(number.to_string())).await.unwrap();
    }
    let (_, first) = script.until_publish().await;
    // The first events are in before the rekey, and their acks are lost; the others come too late.
    let entries = first.entries.len();
    assert!(entries > 0);
    script.append(first);
    script.log.rekey(&person(ALICE));
    script.relay.close(1012).await;
    let relay = stage.device.arrivals.authenticated().await;
    let serving = tokio::spawn(script.reconnected(relay).serve());
    assert_eq!(sender.flush().await.unwrap(), 40);
    let expected: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    assert_eq!(read_all(&space, 40).await, expected);
    assert_eq!(
        space.sync().await.unwrap().seq,
        2 + 1 + 40,
        "none was lost and none came twice"
    );
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn event_refused_as_stale_is_sealed_again_at_its_index() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let sending = send(&space, "caught");
    let (id, publish) = script.until_publish().await;
    script.log.rekey(&person(ALICE));
    script.publish(id, publish).await;
    let serving = tokio::spawn(script.serve());
    assert_eq!(sending.await.unwrap().unwrap().seq, 4);
    assert_eq!(read_all(&space, 1).await, ["caught"]);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn event_that_is_read_in_the_log_meanwhile_is_not_sealed_again() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let _sending = send(&space, "once");
    let (_, publish) = script.until_publish().await;
    let core = Arc::clone(space.core());
    let before = core.read(|log| log.unacked()).await.unwrap();
    // It stands in the log by now, its ack is late, and a rekey came behind it.
    script.append(publish);
    script.log.rekey(&person(ALICE));
    script.push().await;
    core.wait_for(4).await.unwrap();
    let serving = tokio::spawn(script.serve());
    let key = core.current_key().await.unwrap();
    let mut outbox = Outbox::new(Arc::clone(&core), mpsc::channel(1).1, entropy::system());
    assert!(outbox.seal_again(before.clone(), key, None).await.is_ok());
    assert_eq!(core.read(|log| log.unacked()).await.unwrap(), before);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn rekey_that_the_log_does_not_hold_is_a_lie() {
    let (result, _) = refused_for_ever("stale_epoch").await;
    let Err(Error::Integrity(alarm)) = result else {
        panic!("expected an alarm")
    };
    assert!(alarm.what.contains("rekey"), "{alarm}");
}

#[tokio::test(start_paused = true)]
async fn writer_conflict_that_the_log_does_not_show_is_a_lie() {
    let (result, offered) = refused_for_ever("writer_conflict").await;
    assert!(matches!(result, Err(Error::Integrity(_))));
    assert!(
        offered.windows(2).all(|pair| pair[0] == pair[1]),
        "nothing is sealed again on a relay's word"
    );
}

/// Sends to a relay that answers every event with one code; returns what comes of it, and what was offered.
async fn refused_for_ever(code: &str) -> (Result<Sent, Error>, Vec<Publish>) {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let mut sending = send(&space, "x");
    let mut offered = Vec::new();
    loop {
        tokio::select! {
            (id, publish) = script.until_publish() => {
                offered.push(publish);
                refuse(&script, id, nack(code)).await;
            }
            result = &mut sending => return (result.unwrap(), offered),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_history_raises_the_alarm() {
    for code in ["seen_mismatch", "log_mismatch", "control_conflict"] {
        let mut stage = Stage::new().await;
        let (space, mut script) = stage.open().await;
        let sending = send(&space, "x");
        let (id, _) = script.until_publish().await;
        refuse(&script, id, nack(code)).await;
        assert!(
            matches!(sending.await.unwrap(), Err(Error::Integrity(_))),
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn store_restored_from_a_backup_goes_on_under_a_new_writer_id() {
    let mut stage = Stage::new().await;
    let (space, script) = stage.open().await;
    let serving = tokio::spawn(script.serve());
    space.send(Message::text("before the backup")).await.unwrap();
    read_all(&space, 1).await;
    drop(space);
    let script = serving.await.unwrap();
    let backup = stage.home.path().join("backup");
    let (home, copy) = (stage.alices_home(), backup.clone());
    // In a transaction: a file that is copied while somebody writes to it is no backup.
    let copying = stage.device.shared.store.write(move |_| {
        copy_home(&home, &copy);
        Ok(())
    });
    copying.await.unwrap();
    stage.restart().await;
    let space = stage.device.space(stage.log.space_id()).await;
    let relay = stage.device.arrivals.authenticated().await;
    let serving = tokio::spawn(script.reconnected(relay).serve());
    space.send(Message::text("after the backup")).await.unwrap();
    drop(space);
    std::fs::remove_dir_all(stage.alices_home()).unwrap();
    std::fs::rename(&backup, stage.alices_home()).unwrap();
    stage.restart().await;
    let script = serving.await.unwrap();
    // The restored device has not read the log when it signs: the relay is slow to say what it has.
    let space = stage.device.space(stage.log.space_id()).await;
    let relay = stage.device.arrivals.authenticated().await;
    let mut script = script.reconnected(relay);
    script.forget_offers();
    let sending = send(&space, "from the backup");
    let (subscribe, from) = script.relay.receive().await;
    let (id, publish) = script.relay.receive_publish().await;
    script.answer(subscribe, from).await;
    script.publish(id, publish).await;
    let serving = tokio::spawn(script.serve());
    sending.await.unwrap().unwrap();
    let expected = ["before the backup", "after the backup", "from the backup"];
    assert_eq!(read_all(&space, 3).await, expected);
    serving.abort();
}

fn copy_home(from: &std::path::Path, to: &std::path::Path) {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
