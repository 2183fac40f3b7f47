//! A relay that says that its database began a new life, and does not have what this device verified.

use bytes::Bytes;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::Incarnation;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::client_frame::Body as Asked;
use sealpost_protocol::wire::relay_frame::Body as Answer;
use sealpost_protocol::wire::{Heal, Healed};

use super::hostile::met_again_after;
use super::*;

/// Six entries are verified, of which the relay has lost some: it was restored, it says, and does not know the cursor.
async fn restored() -> (Stage, Space, Script) {
    let before = Incarnation::new([1; 16]);
    let served_before = async |space: &Space| space.core().note_life(before).await.unwrap();
    let (stage, space, mut script) = met_again_after(served_before).await;
    let (id, _) = script.relay.receive().await;
    script.relay.nack(id, "log_mismatch").await;
    (stage, space, script)
}

async fn offered(script: &mut Script) -> (u64, Heal) {
    match script.relay.receive().await {
        (id, Asked::Heal(heal)) => (id, heal),
        (_, other) => panic!("expected a Heal frame, got {other:?}"),
    }
}

async fn answer(script: &Script, id: u64, at: Cursor) {
    let healed = Healed {
        seq: at.seq,
        root: at.root.to_bytes(),
    };
    script.relay.send(id, Answer::Healed(healed)).await;
}

async fn is_readable(space: &Space) {
    assert_eq!(texts(&mut space.subscribe(Position::START), 4).await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_a_restored_relay_lacks_is_brought_back_and_the_person_is_told() {
    let (_stage, space, mut script) = restored().await;
    let (id, asked) = offered(&mut script).await;
    assert_eq!((asked.entries.len(), asked.last_seq), (0, 6));
    answer(&script, id, script.log.cursor_at(3)).await;
    let mut reached = 3;
    while reached < 6 {
        let (id, run) = offered(&mut script).await;
        assert_eq!(reached + run.entries.len() as u64, run.last_seq);
        assert_eq!(
            run.entries,
            script.log.page_after(reached).entries[..run.entries.len()]
        );
        assert_eq!(run.last_root, script.log.cursor_at(run.last_seq).root.to_bytes());
        assert!(!run.receipt.is_empty());
        reached = run.last_seq;
        answer(&script, id, script.log.cursor_at(reached)).await;
    }
    let serving = tokio::spawn(script.serve());
    assert_eq!(space.sync().await.unwrap().seq, 6);
    let evidence = space.evidence().await.unwrap();
    assert!(evidence[0].alarm.what.contains("brought back"), "{evidence:?}");
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn relay_that_does_not_take_its_own_log_back_raises_the_alarm() {
    for code in ["receipt_invalid", "malformed", "not_a_member"] {
        let (_stage, space, mut script) = restored().await;
        let (id, _) = offered(&mut script).await;
        script.relay.nack(id, code).await;
        let alarm = alarm(&mut space.subscribe(Position::after_event(6))).await;
        assert!(alarm.what.contains("does not take it back"), "{alarm}");
        is_readable(&space).await;
    }
}

#[tokio::test(start_paused = true)]
async fn relay_that_is_healed_and_still_lacks_it_raises_the_alarm() {
    let (_stage, space, mut script) = restored().await;
    let (id, _) = offered(&mut script).await;
    answer(&script, id, script.log.cursor_at(6)).await;
    let (id, _) = script.relay.receive().await;
    script.relay.nack(id, "log_mismatch").await;
    let alarm = alarm(&mut space.subscribe(Position::after_event(6))).await;
    assert!(alarm.what.contains("does not hold"), "{alarm}");
}

#[tokio::test(start_paused = true)]
async fn relay_whose_log_went_another_way_stops_the_space_and_both_are_kept() {
    let elsewhere = Bytes::from_static(&[3; 32]);
    for (seq, root) in [(3, elsewhere), (7, Bytes::from_static(&[4; 32]))] {
        let (_stage, space, mut script) = restored().await;
        let (id, _) = offered(&mut script).await;
        script.relay.send(id, Answer::Healed(Healed { seq, root })).await;
        let stopped = space.subscribe(Position::after_event(6)).next().await;
        let Some(Err(error)) = stopped else {
            panic!("{stopped:?}");
        };
        assert_eq!(error.code(), Some(ErrorCode::Superseded));
        is_readable(&space).await;
        let evidence = space.evidence().await.unwrap();
        assert!(evidence[0].alarm.what.contains("went on without"), "{evidence:?}");
    }
}
