use bytes::Bytes;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{self, PrincipalKind};
use sealpost_protocol::wrap::Recipient;

use super::*;
use crate::content::Message;
use crate::error::StoreError;
use crate::testing::log::{OTHER_WRITER, control_entry};

#[tokio::test(start_paused = true)]
async fn messages_come_in_order_each_once_and_then_live() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    for number in 0..300 {
        stage.log.write(&alice, &format!("message {number}"));
    }
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let serving = tokio::spawn(async move {
        while script.log.head().seq < 305 {
            script.step().await;
            script.log.write(&alice, "live");
            script.push().await;
        }
        script.serve().await
    });
    let expected: Vec<_> = (0..300).map(|number| format!("message {number}")).collect();
    assert_eq!(texts(&mut messages, 300).await, expected);
    assert_eq!(texts(&mut messages, 1).await, ["live"]);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn stored_messages_are_read_without_a_connection_from_any_position() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    for number in 0..10 {
        stage.log.write(&alice, &format!("message {number}"));
    }
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    texts(&mut space.subscribe(Position::START), 10).await;
    let mut fifth = space.subscribe(Position::START).skip(4);
    let kept = fifth.next().await.unwrap().unwrap();
    drop(fifth);
    drop(space);
    stage.restart().await;
    let space = stage.device.space(stage.log.space_id()).await;
    let mut rest = space.subscribe(kept.cursor.position);
    assert_eq!(texts(&mut rest, 5).await[0], "message 5");
    assert!(space.subscribe_from(&kept.cursor).await.is_ok());
    let other = MessageCursor {
        root: sealpost_protocol::ids::Root::new([0; 32]),
        ..kept.cursor
    };
    assert!(matches!(
        space.subscribe_from(&other).await,
        Err(Error::Integrity(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn newcomer_reads_back_through_all_epochs() {
    let mut stage = Stage::new().await;
    let bob = person(BOB);
    stage.log = TestLog::new(&bob, true);
    for epoch in 1..5 {
        stage.log.write(&bob, &format!("epoch {epoch}"));
        stage.log.rekey(&bob);
    }
    stage.log.add(&bob, &person(ALICE), Capabilities::WRITE);
    stage.log.write(&bob, "welcome");
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let read = texts(&mut space.subscribe(Position::START), 5).await;
    assert_eq!(read, ["epoch 1", "epoch 2", "epoch 3", "epoch 4", "welcome"]);
    assert_eq!(space.members().await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn newcomer_without_history_reads_from_their_own_epoch_on() {
    let mut stage = Stage::new().await;
    let bob = person(BOB);
    stage.log = TestLog::new(&bob, false);
    stage.log.write(&bob, "before");
    stage.log.add(&bob, &person(ALICE), Capabilities::WRITE);
    stage.log.wraps.remove(&(1, person(ALICE).id()));
    stage.log.rekey(&bob);
    stage.log.write(&bob, "after");
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    assert_eq!(texts(&mut space.subscribe(Position::START), 1).await, ["after"]);
}

#[tokio::test(start_paused = true)]
async fn member_without_a_wrap_is_told_so() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    stage.log.write(&alice, "sealed");
    stage.log.wraps.clear();
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let first = space.subscribe(Position::START).next().await.unwrap();
    assert!(matches!(first, Err(Error::NoKey { epoch: 1, .. })));
}

#[tokio::test(start_paused = true)]
async fn unreadable_event_of_a_member_does_not_end_the_stream() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    let header = stage.log.header(&alice, OTHER_WRITER);
    let nonsense = Bytes::from_static(&[0xee; 300]);
    let event = sealpost_protocol::event::sign_event(&header, nonsense, alice.signing_key());
    stage.log.append(crate::testing::log::event_entry(event)).unwrap();
    stage.log.write(&alice, "readable");
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let mut messages = space.subscribe(Position::START);
    let first = messages.next().await.unwrap();
    assert!(matches!(first, Err(Error::Unreadable { seq: 3, .. })));
    assert_eq!(texts(&mut messages, 1).await, ["readable"]);
}

#[tokio::test(start_paused = true)]
async fn added_member_can_read_and_a_second_add_does_nothing() {
    let mut stage = Stage::new().await;
    let (space, script) = stage.open().await;
    let serving = tokio::spawn(script.serve());
    let aim = members::Added {
        manifest: person(BOB).manifest().clone(),
        capabilities: Capabilities::WRITE,
    };
    for _ in 0..2 {
        space
            .core()
            .achieve(&aim, &mut crate::entropy::system())
            .await
            .unwrap();
    }
    assert_eq!(space.members().await.unwrap().len(), 2);
    assert_eq!(space.verified().seq, 3);
    space.send(Message::text("hello Bob")).await.unwrap();
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn member_with_a_key_that_is_none_keeps_nobody_from_a_rekey() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    let public = PublicKey::of(person(BOB).signing_key());
    let odd = Manifest::new(PrincipalKind::Human, &public, &[0xff; limits::HPKE_KEY]).unwrap();
    let body = Body::AddMember(wire::AddMember {
        manifest: odd.bytes().clone(),
        capabilities: Capabilities::WRITE.bits(),
        wrap_hash: Bytes::from_static(&[1; 32]),
    });
    let record = control_entry(stage.log.record(&alice, body));
    stage.log.append(record).unwrap();
    let (space, script) = stage.open().await;
    let serving = tokio::spawn(script.serve());
    let aim = members::Rekeyed { from_epoch: 1 };
    let mut rng = crate::entropy::system();
    assert!(wraps::wrap_for(stage.log.key(), &Recipient::from(&odd), &mut rng).is_err());
    space.core().achieve(&aim, &mut rng).await.unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn change_that_loses_a_race_is_made_again_behind_the_winner() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let changing = tokio::spawn({
        let space = space.clone();
        async move {
            let aim = members::Rekeyed { from_epoch: 1 };
            space.core().achieve(&aim, &mut crate::entropy::system()).await
        }
    });
    let (id, publish) = script.until_publish().await;
    script.log.add(&person(ALICE), &person(BOB), Capabilities::WRITE);
    script.publish(id, publish).await;
    let serving = tokio::spawn(script.serve());
    changing.await.unwrap().unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2);
    assert_eq!(space.members().await.unwrap().len(), 2);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn change_whose_answer_was_lost_is_found_and_not_made_twice() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let changing = tokio::spawn({
        let space = space.clone();
        async move {
            let aim = members::Rekeyed { from_epoch: 1 };
            space.core().achieve(&aim, &mut crate::entropy::system()).await
        }
    });
    let (_, publish) = script.until_publish().await;
    script.append(publish);
    script.relay.close(1012).await;
    let script = stage.connected(script.log.clone()).await;
    let serving = tokio::spawn(script.serve());
    changing.await.unwrap().unwrap();
    assert_eq!(space.epoch().await.unwrap(), 2);
    assert_eq!(space.verified().seq, 3);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn sync_reads_a_long_log_to_its_end() {
    let mut stage = Stage::new().await;
    for number in 0..500 {
        stage.log.write(&person(ALICE), &number.to_string());
    }
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    assert_eq!(space.sync().await.unwrap(), stage.log.head());
}

#[tokio::test(start_paused = true)]
async fn stored_log_folds_to_what_was_verified_live() {
    let mut stage = Stage::new().await;
    let (alice, bob) = (person(ALICE), person(BOB));
    stage.log.add(&alice, &bob, Capabilities::WRITE);
    for number in 0..1100 {
        let author = if number % 3 == 0 { &bob } else { &alice };
        stage.log.write(author, "x");
        if number % 400 == 0 {
            stage.log.rekey(&alice);
        }
    }
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    space.sync().await.unwrap();
    let stored = space.core().read(|log| log.load_fold()).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&stage.log.fold));
    space
        .core()
        .with_fold(|fold| assert_eq!(fold, &stage.log.fold))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn signal_arrives_sealed_and_a_replay_does_not() {
    use sealpost_protocol::wire::client_frame::Body as ClientBody;
    use sealpost_protocol::wire::relay_frame::Body as RelayBody;
    use sealpost_protocol::wire::{Done, SignalDelivered};

    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let mut signals = space.signals();
    let sending = tokio::spawn({
        let space = space.clone();
        async move {
            space.signal(b"typing").await.unwrap();
            space.signal(b"still typing").await.unwrap();
        }
    });
    let mut sent = Vec::new();
    while sent.len() < 2 {
        let (id, body) = script.relay.receive().await;
        let ClientBody::SendSignal(send) = body else {
            script.answer(id, body).await;
            continue;
        };
        sent.push(send.signal.unwrap());
        script.relay.send(id, RelayBody::Done(Done {})).await;
    }
    sending.await.unwrap();
    let mut forged = sent[1].clone();
    forged.ciphertext = Bytes::from_static(&[1; 300]);
    for signal in [&sent[0], &sent[0], &forged, &sent[1], &sent[0]] {
        let signal = Some(signal.clone());
        let delivered = RelayBody::SignalDelivered(SignalDelivered { signal });
        script.relay.send(0, delivered).await;
    }
    let serving = tokio::spawn(script.serve());
    assert_eq!(signals.next().await.unwrap().body, "typing");
    assert_eq!(signals.next().await.unwrap().body, "still typing");
    assert!(!sent[0].ciphertext.windows(6).any(|part| part == b"typing"));
    drop(space);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn check_puts_stored_logs_together_again_and_notices_one_that_was_changed() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    for number in 0..300 {
        stage.log.write(&alice, &format!("message {number}"));
    }
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    space.sync().await.unwrap();
    let store = &stage.device.shared.store;
    let report = store.check().await.unwrap();
    assert_eq!((report.spaces, report.entries), (1, 302));
    // Entries of one segment that stand in another one.
    let change = "UPDATE segment SET entries = (SELECT entries FROM segment WHERE is_control = 0 ORDER BY last_seq LIMIT 1)
                  WHERE last_seq = 302";
    let changed = store.write(|transaction| Ok(transaction.sql().execute_batch(change)?));
    changed.await.unwrap();
    assert!(matches!(
        store.check().await,
        Err(Error::Store(StoreError::Damaged { table: "segment" }))
    ));
}

#[tokio::test(start_paused = true)]
async fn who_reads_more_slowly_than_is_verified_misses_nothing() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    let long = "x".repeat(4000);
    for number in 0..300 {
        stage.log.write(&alice, &format!("{number} {long}"));
    }
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let (mut slow, mut fast) = (space.subscribe(Position::START), space.subscribe(Position::START));
    let mut expected: Vec<_> = (0..300).map(|number| format!("{number} {long}")).collect();
    assert_eq!(texts(&mut slow, 1).await, expected[..1]);
    assert_eq!(texts(&mut fast, 300).await, expected);
    space.sync().await.unwrap();
    assert_eq!(texts(&mut slow, 299).await, expected.split_off(1));
}

#[tokio::test(start_paused = true)]
async fn reader_in_the_middle_of_a_page_gets_what_is_behind_it() {
    let mut stage = Stage::new().await;
    let alice = person(ALICE);
    for number in 0..40 {
        stage.log.write(&alice, &format!("message {number}"));
    }
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    // One that reads along keeps pages in memory.
    let mut along = space.subscribe(Position::START);
    texts(&mut along, 40).await;
    for seq in 2..42 {
        let mut rest = space.subscribe(Position::after_event(seq));
        assert_eq!(texts(&mut rest, 1).await, [format!("message {}", seq - 2)]);
        let mut some = space.read(Position::after_event(seq), seq + 1);
        assert_eq!(texts(&mut some, 1).await, [format!("message {}", seq - 2)]);
        assert!(some.next().await.is_none());
    }
}
