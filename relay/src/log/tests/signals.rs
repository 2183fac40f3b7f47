//! Ephemeral frames.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use sealpost_protocol::limits;
use sealpost_protocol::signal::{SignalHeader, sign_signal};
use sealpost_protocol::wire;

use super::actors::Actor;
use super::chat::{Chat, key_id};
use crate::bus::{Bus, LocalHub, Parcel};
use crate::log::{Live, LogError, LogLimits, LogService, Signals};
use crate::testing::TestLog;

fn signal(chat: &Chat, author: &Actor, counter: u64, size: usize) -> wire::SignedSignal {
    let header = SignalHeader {
        space_id: chat.id(),
        epoch: chat.next_epoch() - 1,
        key_id: key_id(chat.next_epoch() - 1),
        principal_id: author.id(),
        writer_id: author.writer,
        counter,
        nonce: [1; limits::NONCE],
    };
    sign_signal(&header, Bytes::from(vec![2; size]), &author.key)
}

fn counter(live: &Live) -> u64 {
    let Live::Signal(signal) = live else {
        panic!("nobody asks for a wrap here")
    };
    SignalHeader::parse(&signal.header).unwrap().counter
}

/// What waits for a subscriber now.
fn waiting(signals: &mut Signals) -> Vec<u64> {
    let next = || signals.next().now_or_never().flatten();
    std::iter::from_fn(next).map(|signal| counter(&signal)).collect()
}

async fn listen(relay: &LogService, chat: &Chat, who: &Actor) -> Signals {
    let subscription = relay.subscribe(&who.principal(), chat.id(), chat.start()).await;
    subscription.unwrap().signals
}

#[tokio::test]
async fn a_signal_reaches_the_other_sockets_of_the_space_only() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let elsewhere = Chat::create(&relay, &alice.at_device(9)).await;
    chat.add(&relay, &alice, &bob).await;
    let phone = alice.at_device(8);
    let mut here = listen(&relay, &chat, &alice).await;
    let mut others = [
        listen(&relay, &chat, &bob).await,
        listen(&relay, &chat, &phone).await,
    ];
    let mut other_space = listen(&relay, &elsewhere, &alice.at_device(9)).await;
    relay
        .signal(&alice.principal(), signal(&chat, &alice, 1, 40))
        .await
        .unwrap();
    for other in &mut others {
        assert_eq!(waiting(other), [1]);
    }
    assert_eq!(waiting(&mut here), [0; 0]);
    assert_eq!(waiting(&mut other_space), [0; 0]);
}

/// Two relays on one database with either bus, and a space of Alice and Bob.
async fn everywhere(log: &TestLog, alice: &Actor, bob: &Actor) -> Vec<([LogService; 2], Chat)> {
    let hub = LocalHub::default();
    let local = |relay| Arc::new(hub.end(relay)) as Arc<dyn Bus>;
    let buses = [[local(1), local(2)], [log.postgres_bus(1), log.postgres_bus(2)]];
    let mut pairs = Vec::new();
    for (device, buses) in (60..).zip(buses) {
        let mut relays = Vec::new();
        for bus in buses {
            relays.push(log.relay_on(log.database.store().await, bus, LogLimits::default()));
        }
        let mut chat = Chat::create(&relays[0], &alice.at_device(device)).await;
        chat.add(&relays[0], &alice.at_device(device), bob).await;
        pairs.push((relays.try_into().ok().unwrap(), chat));
    }
    pairs
}

/// Signals again and again, with rising counters, until the first is heard: a relay that has just been started may not
/// listen to the bus yet.
async fn first_heard(relay: &LogService, author: &Actor, chat: &Chat, signals: &mut Signals) -> u64 {
    let mut sent = 0;
    loop {
        sent += 1;
        relay
            .signal(&author.principal(), signal(chat, author, sent, 40))
            .await
            .unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(500), signals.next()).await;
        if let Ok(Some(_)) = heard {
            return sent;
        }
    }
}

#[tokio::test]
async fn signals_reach_subscribers_at_another_relay_in_order() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    for ([here, there], chat) in everywhere(&log, &alice, &bob).await {
        let mut bobs = listen(&there, &chat, &bob).await;
        let mut own = listen(&there, &chat, &alice).await;
        let sent = first_heard(&here, &alice, &chat, &mut bobs).await;
        waiting(&mut bobs);
        for counter in 1_000..1_030 {
            let size = if counter % 2 == 0 {
                limits::MAX_SIGNAL_CIPHERTEXT
            } else {
                40
            };
            let signal = signal(&chat, &alice, counter, size);
            here.signal(&alice.principal(), signal).await.unwrap();
        }
        let mut heard = Vec::new();
        while heard.last() != Some(&1_029) {
            heard.push(counter(&bobs.next().await.unwrap()));
        }
        heard.retain(|counter| *counter > sent);
        assert_eq!(heard, (1_000..1_030).collect::<Vec<_>>());
        assert_eq!(waiting(&mut own), [0; 0], "not to the writer that sent it");
    }
}

#[tokio::test]
async fn a_request_for_a_wrap_is_heard_at_other_relays_too() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    for ([here, there], chat) in everywhere(&log, &alice, &bob).await {
        let mut alices = listen(&there, &chat, &alice).await;
        first_heard(&here, &bob, &chat, &mut alices).await;
        here.ask_for_wrap(&bob.principal(), chat.id(), 1).await.unwrap();
        let request = loop {
            if let Live::WrapWanted(request) = alices.next().await.unwrap() {
                break request;
            }
        };
        assert_eq!((request.epoch, request.recipient), (1, bob.id().to_bytes()));
    }
}

#[tokio::test]
async fn another_relay_hands_out_only_what_a_relay_sealed_and_a_member_may_say() {
    let (log, alice, bob) = (TestLog::new().await, Actor::alice(), Actor::bob());
    let hub = LocalHub::default();
    let bus: Arc<dyn Bus> = Arc::new(hub.end(1));
    let relay = |bus| async { log.relay_on(log.database.store().await, bus, LogLimits::default()) };
    let (here, there) = (relay(bus.clone()).await, relay(Arc::new(hub.end(2))).await);
    let mut chat = Chat::create(&here, &alice).await;
    chat.add(&here, &alice, &bob).await;
    let mut bobs = listen(&there, &chat, &bob).await;
    first_heard(&here, &alice, &chat, &mut bobs).await;
    let mut carried = bus.receive().await.unwrap();
    // A relay that is behind lets a signal of the last epoch pass; one that has seen the rekey does not.
    let stale = signal(&chat, &alice, 100, 40);
    let at_third = relay(Arc::new(hub.end(3))).await;
    at_third.signal(&alice.principal(), stale).await.unwrap();
    let stale = carried.next().await.unwrap();
    chat.rekey(&there, &alice).await.unwrap();
    waiting(&mut bobs);
    let forged = Parcel {
        sealed: Bytes::from_static(&[1; 300]),
        ..stale.clone()
    };
    let other = Chat::create(&there, &alice.at_device(9)).await;
    let mut others = listen(&there, &other, &alice.at_device(9)).await;
    let elsewhere = Parcel {
        space_id: other.id(),
        ..stale.clone()
    };
    [stale, forged, elsewhere]
        .into_iter()
        .for_each(|parcel| bus.send(parcel));
    chat.say(&here, &alice, "so that this relay knows the new epoch")
        .await;
    here.signal(&alice.principal(), signal(&chat, &alice, 101, 40))
        .await
        .unwrap();
    assert_eq!(counter(&bobs.next().await.unwrap()), 101);
    assert_eq!(waiting(&mut others), [0; 0]);
}

#[tokio::test]
async fn of_too_many_signals_the_oldest_are_dropped() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let limits = LogLimits {
        queued_signals: 4,
        ..LogLimits::default()
    };
    let relay = log.relay_with(limits).await;
    let chat = Chat::create(&relay, &alice).await;
    let mut slow = listen(&relay, &chat, &alice.at_device(8)).await;
    for counter in 1..=10 {
        relay
            .signal(&alice.principal(), signal(&chat, &alice, counter, 40))
            .await
            .unwrap();
    }
    assert_eq!(waiting(&mut slow), [7, 8, 9, 10]);
}

#[tokio::test]
async fn signals_that_are_not_by_a_member_now_are_refused() {
    let (log, alice, mallory) = (TestLog::new().await, Actor::alice(), Actor::mallory());
    let relay = log.relay().await;
    let mut chat = Chat::create(&relay, &alice).await;
    let code = |result: Result<(), LogError>| result.unwrap_err().code().as_str();
    let stranger = signal(&chat, &mallory, 1, 40);
    assert_eq!(
        code(relay.signal(&mallory.principal(), stranger).await),
        "not_a_member"
    );
    let stolen = signal(&chat, &alice, 1, 40);
    assert_eq!(
        code(relay.signal(&mallory.principal(), stolen).await),
        "bad_signature"
    );
    let mut forged = signal(&chat, &alice, 1, 40);
    forged.ciphertext = Bytes::from_static(&[3; 40]);
    assert_eq!(
        code(relay.signal(&alice.principal(), forged).await),
        "bad_signature"
    );
    let large = signal(&chat, &alice, 1, limits::MAX_SIGNAL_CIPHERTEXT + 1);
    assert_eq!(code(relay.signal(&alice.principal(), large).await), "too_large");
    let late = signal(&chat, &alice, 1, 40);
    chat.rekey(&relay, &alice).await.unwrap();
    assert_eq!(code(relay.signal(&alice.principal(), late).await), "stale_epoch");
}

#[tokio::test]
async fn signals_have_a_rate() {
    let (log, alice) = (TestLog::new().await, Actor::alice());
    let relay = log.relay().await;
    let chat = Chat::create(&relay, &alice).await;
    let mut refused = None;
    for counter in 1..=1_000 {
        if let Err(error) = relay
            .signal(&alice.principal(), signal(&chat, &alice, counter, 40))
            .await
        {
            refused = Some(error);
            break;
        }
    }
    assert!(refused.unwrap().retry_after().is_some());
}
