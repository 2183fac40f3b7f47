use sealpost_protocol::limits::MAX_MESSAGES_PER_EVENT;
use sealpost_protocol::wire::Publish;

use super::*;

/// Feeds `count` messages while the relay holds its answers back; returns the frames it gets, each answered in turn.
async fn frames(packing: Packing, count: usize, body: usize) -> Vec<Publish> {
    let mut stage = Stage::new().await;
    let (space, mut script) = stage.open().await;
    let mut feeding = tokio::spawn(async move {
        let mut sender = space.sender(packing);
        for number in 0..count {
            let message = Message::new("text/plain", format!("{number:0body$}"));
            sender.feed(message).await.unwrap();
        }
        sender.flush().await.unwrap()
    });
    let mut frames = Vec::new();
    loop {
        tokio::select! {
            (id, publish) = script.until_publish() => {
                frames.push(publish.clone());
                // Everything that can gather has gathered by then.
                tokio::time::sleep(Duration::from_millis(100)).await;
                script.publish(id, publish).await;
            }
            flushed = &mut feeding => {
                assert_eq!(flushed.unwrap(), count as u64);
                return frames;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_gathers_while_two_flights_are_in_the_air_is_packed() {
    let frames = frames(Packing::Natural, 600, 4).await;
    let entries: Vec<_> = frames.iter().map(|frame| frame.entries.len()).collect();
    assert!(
        entries.iter().all(|entries| *entries == 1),
        "one event in a flight"
    );
    let least = 600_usize.div_ceil(MAX_MESSAGES_PER_EVENT);
    assert!(
        (least..=least + 3).contains(&frames.len()),
        "{} flights",
        frames.len()
    );
}

#[tokio::test(start_paused = true)]
async fn packing_stops_at_the_bytes_of_an_event() {
    let frames = frames(Packing::Natural, 12, 50_000).await;
    assert!(frames.len() >= 6, "{} flights", frames.len());
}

#[tokio::test(start_paused = true)]
async fn one_per_event_gives_each_message_its_own() {
    let frames = frames(Packing::OnePerEvent, 100, 4).await;
    let events: usize = frames.iter().map(|frame| frame.entries.len()).sum();
    assert_eq!(events, 100);
    assert!(frames.len() < 20, "events share a flight: {}", frames.len());
}

#[tokio::test(start_paused = true)]
async fn acks_are_told_in_order_with_the_places_of_the_messages() {
    let mut stage = Stage::new().await;
    let (space, script) = stage.open().await;
    tokio::spawn(script.serve());
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut sender = space.sender(Packing::Natural).on_acked(move |sent, count| {
        tell.send((*sent, count)).unwrap();
    });
    for number in 0..500 {
        sender.feed(Message::text(number.to_string())).await.unwrap();
    }
    assert_eq!(sender.flush().await.unwrap(), 500);
    let mut previous = Position::START;
    for count in 1..=500 {
        let (sent, counted) = told.recv().await.unwrap();
        assert_eq!(counted, count);
        let place = Position {
            seq: sent.seq,
            index: sent.index,
        };
        assert!(place > previous, "{place:?} comes after {previous:?}");
        previous = place;
    }
    let expected: Vec<_> = (0..500).map(|number| number.to_string()).collect();
    assert_eq!(read_all(&space, 500).await, expected);
}

#[tokio::test(start_paused = true)]
async fn message_that_no_event_can_carry_is_refused_before_anything_is_signed() {
    let mut stage = Stage::new().await;
    let (space, _script) = stage.open().await;
    let message = Message::new("text/plain", vec![0; crate::content::MAX_BODY + 1]);
    assert!(matches!(space.send(message).await, Err(Error::Usage(_))));
}
