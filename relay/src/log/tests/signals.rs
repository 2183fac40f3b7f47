//! Ephemeral frames.

use bytes::Bytes;
use futures_util::FutureExt;
use sealpost_protocol::limits;
use sealpost_protocol::signal::{SignalHeader, sign_signal};
use sealpost_protocol::wire;

use super::actors::Actor;
use super::chat::{Chat, key_id};
use crate::log::{LogError, LogLimits, LogService, Signals};
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

fn counter(signal: &wire::SignedSignal) -> u64 {
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
