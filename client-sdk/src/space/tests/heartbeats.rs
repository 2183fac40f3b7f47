use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::checkpoint::Checkpoint;
use sealpost_protocol::evidence::{self, Verdict};
use sealpost_protocol::ids::{Incarnation, WriterId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::signal::{SignalContent, SignalHeader, sign_signal};
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use sealpost_protocol::wire::{self, SignalDelivered, SignedCheckpoint};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::*;
use crate::identity::Identity;
use crate::space::signal;
use crate::testing::log::{OTHER_WRITER, checkpoint_key, event_entry};
use crate::testing::wire::INCARNATION;

/// Less than the silence in which a connection is given up.
const EVERY: Duration = Duration::from_secs(5);

/// A stage on which Bob is a member too, and four messages of his were written.
async fn stage() -> Stage {
    let mut stage = Stage::beating(EVERY).await;
    stage.log.add(&person(ALICE), &person(BOB), Capabilities::WRITE);
    for number in 0..4 {
        stage.log.write(&person(BOB), &format!("message {number}"));
    }
    stage
}

/// A heartbeat of Bob's.
fn heartbeat(log: &TestLog, counter: u64, checkpoint: SignedCheckpoint) -> RelayBody {
    let (bob, key) = (person(BOB), log.key());
    let header = SignalHeader {
        space_id: log.space_id(),
        epoch: key.at().epoch,
        key_id: key.at().key_id,
        principal_id: bob.id(),
        writer_id: WriterId::new([0xbb; 16]),
        counter,
        nonce: [u8::try_from(counter).unwrap(); 24],
    };
    let content = SignalContent::Heartbeat(checkpoint);
    let signal = sign_signal(&header, signal::seal(key, &header, &content), bob.signing_key());
    RelayBody::SignalDelivered(SignalDelivered { signal: Some(signal) })
}

/// What alarm Alice's device raises about a log that `meet` serves, once it has read all of the honest one.
async fn told(stage: &mut Stage, meet: impl AsyncFnOnce(&mut Script)) -> (Space, Option<Alarm>) {
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let reading = async {
        texts(&mut messages, 4).await;
        let alarm = async {
            loop {
                match messages.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(Error::Integrity(alarm))) => return *alarm,
                    other => panic!("expected a message or an alarm, got {other:?}"),
                }
            }
        };
        timeout(EVERY * 3, alarm).await.ok()
    };
    let serving = async {
        while script.log.head().seq > 0 {
            let body = script.step().await;
            // The one key that there is: all was read.
            if matches!(body, ClientBody::FetchWrapRequests(_)) {
                break;
            }
        }
        sleep(Duration::from_secs(1)).await;
        meet(&mut script).await;
        while let Some((id, body)) = script.relay.try_receive().await {
            script.answer(id, body).await;
        }
    };
    let outcome = tokio::select! {
        outcome = reading => outcome,
        () = serving => panic!("the client hung up"),
    };
    (space, outcome)
}

#[tokio::test(start_paused = true)]
async fn device_that_follows_tells_the_members_how_far_the_relay_has_signed_the_log() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let head = script.log.head();
    let beginning = Instant::now();
    let signal = loop {
        if let ClientBody::SendSignal(sent) = script.step().await {
            break sent.signal.unwrap();
        }
    };
    assert!(beginning.elapsed() < EVERY * 2);
    let header = SignalHeader::parse(&signal.header).unwrap();
    let content = signal::open(stage.log.key(), &header, &signal).unwrap();
    let SignalContent::Heartbeat(signed) = content else {
        panic!("a heartbeat was expected");
    };
    let checkpoint = Checkpoint::verify(&signed, &PublicKey::of(&checkpoint_key())).unwrap();
    assert_eq!(checkpoint.at, head);
    assert_eq!(*space.heard().borrow(), None);
}

/// Answers for a time; whether the client asked for a checkpoint, as it does for a heartbeat of its own.
async fn tells_within(script: &mut Script, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    loop {
        match timeout_at(deadline, script.step()).await {
            Ok(ClientBody::FetchCheckpoint(_)) => return true,
            Ok(_) => {}
            Err(_elapsed) => return false,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_hears_enough_others_says_nothing_itself() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let signed = script.log.signed(script.log.head());
    for counter in 1..=15 {
        for counter in [counter * 2, counter * 2 + 1] {
            let beat = heartbeat(&script.log, counter, signed.clone());
            script.relay.send(0, beat).await;
        }
        assert!(
            !tells_within(&mut script, Duration::from_secs(1)).await,
            "{counter}"
        );
    }
    assert!(
        tells_within(&mut script, EVERY * 3).await,
        "nobody else tells any more"
    );
    assert_eq!(space.heard().borrow().unwrap().by, person(BOB).id());
}

#[tokio::test(start_paused = true)]
async fn frozen_log_raises_the_alarm_after_its_deadline() {
    let mut stage = stage().await;
    let mut longer = stage.log.clone();
    longer.write(&person(BOB), "kept back");
    let beginning = Instant::now();
    let beat = heartbeat(&longer, 1, longer.signed(longer.head()));
    let (space, told) = told(&mut stage, async move |script| {
        script.relay.send(0, beat).await;
    })
    .await;
    let alarm = told.unwrap();
    assert!(alarm.what.contains("has signed the log up to seq 8"), "{alarm}");
    assert_eq!(alarm.seq, Some(7));
    assert!(beginning.elapsed() >= EVERY, "{:?}", beginning.elapsed());
    let evidence = space.evidence().await.unwrap();
    assert_eq!(
        evidence[0].proof, None,
        "a log that is behind contradicts nothing"
    );
    assert_eq!(stage.device.client().export_evidence(&evidence[0]).unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn log_that_comes_a_little_later_raises_no_alarm() {
    let mut stage = stage().await;
    let mut longer = stage.log.clone();
    longer.write(&person(BOB), "message 4");
    let beat = heartbeat(&longer, 1, longer.signed(longer.head()));
    let (space, told) = told(&mut stage, async move |script| {
        script.relay.send(0, beat).await;
        sleep(EVERY - Duration::from_secs(1)).await;
        script.log = longer;
        script.push().await;
    })
    .await;
    assert_eq!(space.verified().seq, 8);
    assert_eq!(told, None);
}

#[tokio::test(start_paused = true)]
async fn log_that_the_relay_signed_otherwise_for_a_member_raises_the_alarm_and_is_proven_to_anybody() {
    let mut stage = stage().await;
    let mut other = TestLog::clone(&stage.log);
    // The same place, another event: Bob is shown this one, Alice the other.
    other.write(&person(ALICE), "for Bob alone");
    stage.log.write(&person(BOB), "for Alice alone");
    stage.log.write(&person(BOB), "and more");
    let beat = heartbeat(&other, 1, other.signed(other.head()));
    let (own, place) = (stage.log.cursor_at(8), other.head());
    let (space, told) = told(&mut stage, async move |script| {
        script.relay.send(0, beat).await;
    })
    .await;
    let alarm = told.unwrap();
    assert!(alarm.what.contains("signed another log"), "{alarm}");
    let verdict = exported(&stage, &space).await;
    assert_eq!((verdict.place, verdict.other_root), (own, place.root));
    assert_eq!((verdict.shown.at.seq, verdict.seen_by), (9, None));
}

/// The file of evidence, checked as a third party does; any byte of it that is changed makes it worthless.
async fn exported(stage: &Stage, space: &Space) -> Verdict {
    let evidence = space.evidence().await.unwrap();
    let file = stage
        .device
        .client()
        .export_evidence(&evidence[0])
        .unwrap()
        .unwrap();
    for at in 0..file.len() {
        let mut changed = file.to_vec();
        changed[at] ^= 0x10;
        assert!(evidence::verify(&changed.into()).is_err(), "byte {at}");
    }
    let verdict = evidence::verify(&file).unwrap();
    assert_eq!(verdict.what, evidence[0].alarm.what);
    assert_eq!(verdict.exporter, person(ALICE).id());
    assert_eq!(verdict.checkpoint_key, PublicKey::of(&checkpoint_key()));
    verdict
}

/// A log that goes on with one event that was written on another one, as only a hostile relay has it.
fn served_across(shown: &TestLog, written_on: &TestLog, author: &Identity) -> (wire::Page, Cursor) {
    let header = written_on.header(author, OTHER_WRITER);
    let header = sealpost_protocol::event::EventHeader {
        writer_id: WriterId::new([0xdd; 16]),
        writer_index: 1,
        previous_event_id: None,
        ..header
    };
    let event = written_on.event(author, &header, "from the other side");
    let id = sealpost_protocol::event::ParsedEvent::parse(&event).unwrap().id();
    let end = shown.head().after(&id);
    let page = wire::Page {
        first_seq: end.seq,
        entries: vec![event_entry(event)],
        last_root: end.root.to_bytes(),
        receipt: Bytes::from_static(&[0; 32]),
    };
    (page, end)
}

/// The alarm and the verdict of a device that was shown one log and then an event of the other.
async fn crossed(mut stage: Stage, other: &TestLog, author: u8) -> (Alarm, Verdict) {
    let (page, end) = served_across(&stage.log, other, &person(author));
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let serving = async {
        let mut subscription = None;
        loop {
            let (id, body) = script.relay.receive().await;
            let read = matches!(body, ClientBody::FetchWrapRequests(_));
            if matches!(body, ClientBody::Subscribe(_)) {
                subscription = Some(id);
            }
            match body {
                ClientBody::FetchCheckpoint(_) => {
                    let signed = script.log.signed(end);
                    script.relay.send(id, RelayBody::Checkpoint(signed)).await;
                }
                other => script.answer(id, other).await,
            }
            if read {
                let page = RelayBody::Page(page.clone());
                script.relay.send(subscription.unwrap(), page).await;
            }
        }
    };
    let reading = async {
        texts(&mut messages, 5).await;
        alarm(&mut messages).await
    };
    let alarm = tokio::select! {
        alarm = reading => alarm,
        () = serving => unreachable!(),
    };
    let verdict = exported(&stage, &space).await;
    (alarm, verdict)
}

#[tokio::test(start_paused = true)]
async fn one_event_of_the_other_side_proves_a_fork_to_both_sides() {
    let (mut left, mut right) = (stage().await, stage().await);
    left.log.write(&person(BOB), "shown to the left");
    right.log.write(&person(ALICE), "shown to the right");
    let roots = [left.log.head(), right.log.head()];
    assert_eq!(roots[0].seq, roots[1].seq);
    let (left_log, right_log) = (left.log.clone(), right.log.clone());
    for (stage, other, author, own, others) in [
        (left, right_log, BOB, roots[0], roots[1]),
        (right, left_log, ALICE, roots[1], roots[0]),
    ] {
        let (alarm, verdict) = crossed(stage, &other, author).await;
        assert_eq!(alarm.seq, Some(own.seq + 1));
        assert_eq!((verdict.place, verdict.other_root), (own, others.root));
        assert_eq!(verdict.seen_by, Some(person(author).id()));
    }
}

#[tokio::test(start_paused = true)]
async fn checkpoint_by_another_key_is_kept_and_stops_nothing() {
    let mut stage = stage().await;
    let checkpoint = Checkpoint {
        space_id: stage.log.space_id(),
        incarnation: Incarnation::new(INCARNATION),
        at: Cursor {
            seq: 100,
            ..stage.log.head()
        },
    };
    let foreign = checkpoint.sign(&SigningKey::from_bytes(&[1; 32]));
    let other_life = Checkpoint {
        incarnation: Incarnation::new([1; 16]),
        ..checkpoint
    };
    let beats = [
        heartbeat(&stage.log, 1, foreign.clone()),
        heartbeat(&stage.log, 2, foreign),
        heartbeat(&stage.log, 3, other_life.sign(&checkpoint_key())),
    ];
    let (space, told) = told(&mut stage, async move |script| {
        for beat in beats {
            script.relay.send(0, beat).await;
        }
    })
    .await;
    assert_eq!(told, None);
    let evidence = space.evidence().await.unwrap();
    assert_eq!(evidence.len(), 1, "told once");
    assert!(evidence[0].alarm.what.contains("not signed by the key"));
    assert_eq!(*space.heard().borrow(), None);
}

#[tokio::test(start_paused = true)]
async fn relay_that_signs_another_log_than_it_serves_raises_the_alarm() {
    let mut stage = stage().await;
    let (space, mut script) = stage.open().await;
    let mut messages = space.subscribe(Position::START);
    let serving = async {
        loop {
            let (id, body) = script.relay.receive().await;
            match body {
                ClientBody::FetchCheckpoint(_) => {
                    let place = Cursor {
                        seq: 5,
                        ..script.log.head()
                    };
                    let signed = script.log.signed(place);
                    script.relay.send(id, RelayBody::Checkpoint(signed)).await;
                }
                other => script.answer(id, other).await,
            }
        }
    };
    let reading = async {
        texts(&mut messages, 4).await;
        alarm(&mut messages).await
    };
    let alarm = tokio::select! {
        alarm = reading => alarm,
        () = serving => unreachable!(),
    };
    assert!(alarm.what.contains("another log than it serves"), "{alarm}");
    assert_eq!(alarm.seq, Some(5));
}
