//! An alarm ends with a person's word, and with nothing else.

use std::time::Duration;

use sealpost_protocol::wire;
use sealpost_protocol::wire::relay_frame::Body;
use tokio::time::timeout;

use super::hostile::{met_again, pin, without_first_content};
use super::*;
use crate::content::Message;

/// What an operator had to mend, as the relay says.
fn damaged_at(seq: u64) -> Body {
    let reason = wire::Nack {
        code: "entry_damaged".to_owned(),
        seq,
        ..wire::Nack::default()
    };
    Body::SubscriptionEnded(wire::SubscriptionEnded { reason: Some(reason) })
}

/// A head that ends before what the device has verified.
async fn roll_back(script: &mut Script) {
    let (id, _) = script.relay.receive().await;
    let head = TestLog::new(&person(ALICE), true).subscribed();
    script.relay.send(id, Body::Subscribed(head)).await;
}

/// A device whose relay has rolled the log back, which raised the alarm.
async fn stopped() -> (Stage, Space, Alarm) {
    let (stage, space, mut script) = met_again().await;
    roll_back(&mut script).await;
    let alarm = alarm(&mut space.subscribe(Position::after_event(6))).await;
    (stage, space, alarm)
}

fn standing(evidence: &[Evidence]) -> usize {
    let standing = evidence.iter().filter(|piece| piece.weight == Weight::Standing);
    standing.count()
}

#[tokio::test(start_paused = true)]
async fn alarm_outlives_the_process_and_an_honest_relay_does_not_end_it() {
    let (mut stage, space, raised) = stopped().await;
    drop(space);
    for _ in 0..2 {
        stage.restart().await;
        let space = stage.device.space(stage.log.space_id()).await;
        let told = alarm(&mut space.subscribe(Position::after_event(6))).await;
        assert_eq!(told, raised);
        for refused in [
            space.send(Message::text("x")).await.map(drop),
            space.sync().await.map(drop),
            space.signal(b"x").await,
            space.leave().await,
            space.rekey().await,
        ] {
            assert!(matches!(refused, Err(Error::Integrity(_))), "{refused:?}");
        }
        assert_eq!(
            texts(&mut space.subscribe(Position::START), 4).await.len(),
            4,
            "what was verified stays readable"
        );
        let mut relay = stage.device.arrivals.authenticated().await;
        let asked = timeout(Duration::from_secs(10), relay.receive()).await;
        assert!(asked.is_err(), "the relay is not even asked: {asked:?}");
        assert_eq!(space.evidence().await.unwrap().len(), 1, "and it is raised once");
    }
}

#[tokio::test(start_paused = true)]
async fn space_goes_on_behind_what_was_verified_once_a_person_acknowledges_its_alarm() {
    let (mut stage, space, raised) = stopped().await;
    let id = space.id();
    let client = stage.device.client();
    let in_use = client.acknowledge_alarms(id).await;
    assert!(matches!(in_use, Err(Error::Usage(_))), "{in_use:?}");
    drop(space);
    pin(&stage, stage.log.head()).await;
    let listed = client.known_spaces().await.unwrap();
    assert_eq!(listed[0].alarm, Some(raised));
    drop(client);
    stage.restart().await;
    let client = stage.device.client();
    assert_eq!(client.acknowledge_alarms(id).await.unwrap(), 1);
    assert_eq!(client.acknowledge_alarms(id).await.unwrap(), 0, "once");
    assert_eq!(client.known_spaces().await.unwrap()[0].alarm, None);
    stage.log.write(&person(ALICE), "behind it");
    let (space, script) = stage.open().await;
    let serving = tokio::spawn(script.serve());
    let mut messages = space.subscribe(Position::after_event(6));
    assert_eq!(texts(&mut messages, 1).await, ["behind it"]);
    space.send(Message::text("an answer")).await.unwrap();
    let evidence = space.evidence().await.unwrap();
    assert_eq!(evidence.len(), 1, "it is kept");
    assert_eq!(evidence[0].weight, Weight::Acknowledged);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn alarm_that_was_acknowledged_is_raised_anew_where_the_relay_shows_the_same() {
    let (mut stage, space, raised) = stopped().await;
    let id = space.id();
    drop(space);
    stage.restart().await;
    stage.device.client().acknowledge_alarms(id).await.unwrap();
    let (space, mut script) = stage.open().await;
    roll_back(&mut script).await;
    let again = alarm(&mut space.subscribe(Position::after_event(6))).await;
    assert_eq!(again, raised);
    let evidence = space.evidence().await.unwrap();
    assert_eq!((evidence.len(), standing(&evidence)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn damage_that_the_relay_reports_stops_nobody_once_it_is_mended() {
    let (mut stage, space, mut script) = met_again().await;
    let (id, _) = script.relay.receive().await;
    let head = Body::Subscribed(script.log.subscribed());
    script.relay.send(id, head).await;
    script.relay.send(id, damaged_at(7)).await;
    let told = alarm(&mut space.subscribe(Position::after_event(6))).await;
    assert_eq!(told.seq, Some(7));
    assert_eq!(space.evidence().await.unwrap()[0].weight, Weight::Stopping);
    drop(space);
    stage.restart().await;
    stage.log.write(&person(ALICE), "mended");
    let (space, script) = stage.open().await;
    let serving = tokio::spawn(script.serve());
    let mut messages = space.subscribe(Position::after_event(6));
    assert_eq!(texts(&mut messages, 1).await, ["mended"]);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn alarm_of_one_process_stops_the_others_of_the_home() {
    let (mut stage, space, mut script) = met_again().await;
    let mut other = Stage {
        home: tempfile::tempdir().unwrap(),
        device: crate::testing::Device::open(&stage.alices_home(), person(ALICE)).await,
        log: stage.log.clone(),
    };
    let (others, mut fooled) = other.open().await;
    roll_back(&mut fooled).await;
    let raised = alarm(&mut others.subscribe(Position::after_event(6))).await;
    assert!(!space.core().has_stopped(), "it has heard nothing yet");
    stage.log.write(&person(ALICE), "too late");
    script.log = stage.log.clone();
    let serving = tokio::spawn(script.serve());
    let told = alarm(&mut space.subscribe(Position::after_event(6))).await;
    assert_eq!(told, raised);
    assert_eq!(space.verified().seq, 6, "nothing more is kept");
    assert_eq!(space.evidence().await.unwrap().len(), 1);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn content_that_a_person_knows_to_be_left_out_is_passed_over() {
    let (mut stage, mut messages) = without_first_content(0).await;
    let left_out = alarm(&mut messages).await;
    assert_eq!(left_out.seq, Some(3));
    drop(messages);
    stage.restart().await;
    let id = stage.log.space_id();
    assert_eq!(stage.device.client().acknowledge_alarms(id).await.unwrap(), 1);
    let (space, script) = stage.open().await;
    let serving = tokio::spawn(script.serve());
    assert_eq!(
        texts(&mut space.subscribe(Position::START), 1).await,
        ["message 1"]
    );
    serving.abort();
}
