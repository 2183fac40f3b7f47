use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::wire::entry::Kind;

use super::*;
use crate::testing::Device;
use crate::testing::log::TestLog;
use crate::testing::relay::SharedLog;

/// Runs Alice's device up to the Publish frame that carries her message; the process then dies.
async fn dies_before_the_ack(stage: &mut Stage) -> (Script, sealpost_protocol::wire::Publish) {
    let (space, mut script) = stage.open().await;
    let sending = send(&space, "once");
    let (_, publish) = script.until_publish().await;
    sending.abort();
    drop(space);
    stage.restart().await;
    (script, publish)
}

/// The process that comes after opens the space and sends nothing new.
async fn comes_back(stage: &mut Stage, script: Script) -> (Space, Script) {
    let space = stage.device.space(stage.log.space_id()).await;
    let relay = stage.device.arrivals.authenticated().await;
    (space, script.reconnected(relay))
}

#[tokio::test(start_paused = true)]
async fn event_that_never_reached_the_relay_is_sent_as_it_was_signed() {
    let mut stage = Stage::new().await;
    let (script, lost) = dies_before_the_ack(&mut stage).await;
    let (space, mut script) = comes_back(&mut stage, script).await;
    let (id, again) = script.until_publish().await;
    assert_eq!(again, lost);
    script.publish(id, again).await;
    tokio::spawn(script.serve());
    assert_eq!(read_all(&space, 1).await, ["once"]);
    assert_eq!(space.sync().await.unwrap().seq, 3);
}

#[tokio::test(start_paused = true)]
async fn event_whose_ack_was_lost_is_not_repeated() {
    let mut stage = Stage::new().await;
    let (mut script, publish) = dies_before_the_ack(&mut stage).await;
    script.append(publish);
    let (space, script) = comes_back(&mut stage, script).await;
    let serving = tokio::spawn(script.serve());
    assert_eq!(read_all(&space, 1).await, ["once"]);
    space.send(Message::text("next")).await.unwrap();
    assert_eq!(read_all(&space, 2).await, ["once", "next"]);
    assert_eq!(space.sync().await.unwrap().seq, 4);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn event_whose_connection_was_lost_is_acked_with_its_first_place() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let sending = send(&space, "once");
    let (_, publish) = script.until_publish().await;
    script.append(publish);
    script.relay.close(1012).await;
    let relay = stage.device.arrivals.authenticated().await;
    tokio::spawn(script.reconnected(relay).serve());
    assert_eq!(sending.await.unwrap().unwrap().seq, 3);
    assert_eq!(space.sync().await.unwrap().seq, 3);
}

#[tokio::test(start_paused = true)]
async fn acks_are_told_in_order_even_when_the_first_one_was_lost() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut sender = space.sender(Packing::Natural).on_acked(move |sent, _| {
        // The test may have seen enough.
        let _ = tell.send(sent.seq);
    });
    sender.feed(Message::text("first")).await.unwrap();
    let (first_id, first) = script.until_publish().await;
    sender.feed(Message::text("second")).await.unwrap();
    let (second_id, second) = script.until_publish().await;
    // Both are appended; the first flight is refused in passing, as if its answer had been lost.
    script.append(first);
    let published = script.append(second);
    let busy = sealpost_protocol::wire::Nack {
        code: "overloaded".to_owned(),
        ..Default::default()
    };
    let refused = sealpost_protocol::wire::Published {
        acks: Vec::new(),
        nack: Some(busy),
    };
    for (id, answer) in [(first_id, refused), (second_id, published)] {
        let answer = sealpost_protocol::wire::relay_frame::Body::Published(answer);
        script.relay.send(id, answer).await;
    }
    let serving = tokio::spawn(script.serve());
    assert_eq!(sender.flush().await.unwrap(), 2);
    assert_eq!((told.recv().await, told.recv().await), (Some(3), Some(4)));
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn acked_event_is_not_sent_again_after_a_crash() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let sending = send(&space, "once");
    let (id, publish) = script.until_publish().await;
    let published = script.append(publish);
    // The ack comes, the page with the event does not.
    script
        .relay
        .send(
            id,
            sealpost_protocol::wire::relay_frame::Body::Published(published),
        )
        .await;
    assert_eq!(sending.await.unwrap().unwrap().seq, 3);
    drop(space);
    stage.restart().await;
    let (space, script) = comes_back(&mut stage, script).await;
    let serving = tokio::spawn(script.serve());
    assert_eq!(read_all(&space, 1).await, ["once"]);
    let unacked = space
        .core()
        .read(|log| Ok((log.unacked()?, log.highest_ack()?)))
        .await
        .unwrap();
    assert_eq!(
        unacked,
        (Vec::new(), None),
        "the ack was held against the log and is done with"
    );
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn relay_that_has_lost_an_acked_event_raises_the_alarm() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let before = script.log.clone();
    let sending = send(&space, "acked");
    let (id, publish) = script.until_publish().await;
    let published = script.append(publish);
    script
        .relay
        .send(
            id,
            sealpost_protocol::wire::relay_frame::Body::Published(published),
        )
        .await;
    sending.await.unwrap().unwrap();
    script.relay.close(1012).await;
    let script = stage.connected(before).await;
    tokio::spawn(script.serve());
    let Error::Integrity(alarm) = space.core().wait_for(99).await.unwrap_err() else {
        panic!("expected an alarm");
    };
    assert!(alarm.what.contains("it acked"), "{alarm}");
}

#[tokio::test(start_paused = true)]
async fn relay_that_puts_another_event_where_it_acked_raises_the_alarm() {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let mut other = script.log.clone();
    let sending = send(&space, "acked");
    let (id, publish) = script.until_publish().await;
    let published = script.append(publish);
    script
        .relay
        .send(
            id,
            sealpost_protocol::wire::relay_frame::Body::Published(published),
        )
        .await;
    let sent = sending.await.unwrap().unwrap();
    other.write(&person(ALICE), "another");
    script.log = other;
    script.push().await;
    let Error::Integrity(alarm) = space.core().wait_for(99).await.unwrap_err() else {
        panic!("expected an alarm");
    };
    assert_eq!((alarm.seq, alarm.event_id), (Some(3), Some(sent.event_id)));
}

#[tokio::test(start_paused = true)]
async fn two_processes_on_one_home_extend_one_chain() {
    let mut stage = Stage::new().await;
    let mut second = Device::open(&stage.alices_home(), person(ALICE)).await;
    let (first_space, script) = stage.open().await;
    let second_space = second.space(stage.log.space_id()).await;
    let relay = second.arrivals.authenticated().await;
    let shared = SharedLog::new(script.log);
    for relay in [script.relay, relay] {
        tokio::spawn(Arc::clone(&shared).serve(relay));
    }
    let sending: Vec<_> = (0..20)
        .map(|number| {
            let space = if number % 2 == 0 {
                &first_space
            } else {
                &second_space
            };
            send(space, &number.to_string())
        })
        .collect();
    for sending in sending {
        sending.await.unwrap().unwrap();
    }
    let log = shared.now().await;
    assert_eq!(log.fold.writers().iter().count(), 1, "one home is one writer");
    let mut sent: Vec<u32> = read_all(&first_space, 20)
        .await
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    sent.sort_unstable();
    assert_eq!(sent, (0..20).collect::<Vec<_>>());
}

const CAROL: u8 = 3;

/// The same home once its owner has started over and is a member with other keys.
async fn comes_back_with_other_keys(stage: &mut Stage, mut log: TestLog) -> (Space, Script) {
    log.add(&person(ALICE), &person(CAROL), Capabilities::ALL);
    stage.device = Device::open(&stage.alices_home(), person(CAROL)).await;
    let space = stage.device.space(log.space_id()).await;
    let relay = stage.device.arrivals.authenticated().await;
    (space, Script::new(relay, log, person(CAROL).id()))
}

#[tokio::test(start_paused = true)]
async fn event_that_old_keys_signed_is_said_by_the_new_ones_from_the_start_of_a_new_writer() {
    let mut stage = Stage::new().await;
    let (script, _) = dies_before_the_ack(&mut stage).await;
    let (space, mut script) = comes_back_with_other_keys(&mut stage, script.log).await;
    let (id, publish) = script.until_publish().await;
    let Some(Kind::Event(event)) = &publish.entries[0].kind else {
        panic!("expected an event")
    };
    let header = ParsedEvent::parse(event).unwrap().header;
    assert_eq!(
        (header.principal_id, header.writer_index),
        (person(CAROL).id(), 1)
    );
    script.publish(id, publish).await;
    let serving = tokio::spawn(script.serve());
    space.send(Message::text("next")).await.unwrap();
    assert_eq!(read_all(&space, 2).await, ["once", "next"]);
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn event_that_old_keys_got_through_is_not_said_again_by_the_new_ones() {
    let mut stage = Stage::new().await;
    let (mut script, publish) = dies_before_the_ack(&mut stage).await;
    script.append(publish);
    let (space, script) = comes_back_with_other_keys(&mut stage, script.log).await;
    let serving = tokio::spawn(script.serve());
    space.send(Message::text("next")).await.unwrap();
    assert_eq!(read_all(&space, 2).await, ["once", "next"]);
    assert_eq!(space.sync().await.unwrap().seq, 5);
    serving.abort();
}
