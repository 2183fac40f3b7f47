//! What a relay can have a client do again and again: each costs the client something, and may show the relay something.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealpost_protocol::wire::client_frame::Body as Ask;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{ClientFrame, RelayFrame, WrapRequest, WrapRequests, WrapWanted};
use tokio::time::timeout;

use super::{Forms, Shown};
use crate::orders::{nack, send_away};
use crate::relay::Orders;
use crate::scene::{Garden, SAID, Scene};
use crate::victim::Victim;

/// How long the relay goes on.
const DRIVEN: Duration = Duration::from_secs(6);
/// How often a client may do it meanwhile.
const OFTEN: usize = 12;

/// How often a client was heard.
type Count = Arc<Mutex<usize>>;

pub(super) async fn driven(scene: &Scene) -> Shown {
    let garden = scene.garden().await;
    let mut forms = Forms::default();
    forms.add("sent away", sent_away(scene, &garden).await)?;
    forms.add("its session refused", refused(scene, &garden).await)?;
    if scene.victim == Victim::Sdk {
        forms.add("asked for wraps", asked_for_wraps(scene, &garden).await)?;
    }
    forms.shown()
}

/// Lets a device read, and says how often it did what is counted.
async fn drive(scene: &Scene, garden: &Garden, orders: Orders, count: &Count, what: &str) -> Shown {
    scene.relay.misbehave(orders);
    let mut bob = scene.device().await;
    // It reads on after that, as a user's would.
    let driven = async {
        loop {
            let _ = bob.read(garden.id, SAID.len() + 1).await;
        }
    };
    let _always_late = timeout(DRIVEN, driven).await;
    let often = *count.lock().unwrap();
    let said = format!("{often} {what} in {} s", DRIVEN.as_secs());
    if often <= OFTEN { Ok(said) } else { Err(said) }
}

fn counted(count: &Count, is_it: fn(&ClientFrame) -> bool) -> impl FnMut(&ClientFrame) + Send + 'static {
    let count = Arc::clone(count);
    move |frame| *count.lock().unwrap() += usize::from(is_it(frame))
}

fn is_proof(frame: &ClientFrame) -> bool {
    matches!(frame.body, Some(Ask::Authenticate(_)))
}

async fn sent_away(scene: &Scene, garden: &Garden) -> Shown {
    let count = Count::default();
    let mut proof = counted(&count, is_proof);
    let orders = send_away().requests(move |frame| {
        proof(frame);
        None
    });
    drive(scene, garden, orders, &count, "connections").await
}

/// A client that logs in by itself would do so each time.
async fn refused(scene: &Scene, garden: &Garden) -> Shown {
    let count = Count::default();
    let mut proof = counted(&count, is_proof);
    let orders = Orders::default().requests(move |frame| {
        proof(frame);
        is_proof(frame).then(|| vec![nack(frame.request_id, "not_authenticated", "log in")])
    });
    drive(scene, garden, orders, &count, "proofs").await
}

/// A wrap costs a key agreement, and shows that somebody is there who has the key.
async fn asked_for_wraps(scene: &Scene, garden: &Garden) -> Shown {
    let count = Count::default();
    let mut staged = counted(&count, |frame| matches!(frame.body, Some(Ask::StageWraps(_))));
    let alice = scene.alice.account().principal_id.to_bytes();
    let wanted = WrapRequest {
        epoch: 1,
        recipient: alice,
    };
    let subscription = Arc::<Mutex<u64>>::default();
    let (subscribed, answered) = (Arc::clone(&subscription), wanted.clone());
    let orders = Orders::default().requests(move |frame| {
        staged(frame);
        match &frame.body {
            Some(Ask::Subscribe(_)) => *subscribed.lock().unwrap() = frame.request_id,
            Some(Ask::FetchWrapRequests(_)) => {
                let requests = WrapRequests {
                    requests: vec![answered.clone()],
                };
                return Some(vec![RelayFrame {
                    request_id: frame.request_id,
                    body: Some(Body::WrapRequests(requests)),
                }]);
            }
            _ => {}
        }
        None
    });
    let orders = orders.frames(move |frame| {
        let is_time = matches!(
            frame.body,
            Some(Body::Subscribed(_) | Body::Page(_) | Body::WrapsStaged(_) | Body::FetchedWrap(_))
        );
        let wanted = RelayFrame {
            request_id: *subscription.lock().unwrap(),
            body: Some(Body::WrapWanted(WrapWanted {
                request: Some(wanted.clone()),
            })),
        };
        let mut frames = vec![frame];
        frames.extend(vec![wanted; if is_time { 50 } else { 0 }]);
        frames
    });
    drive(scene, garden, orders, &count, "wraps").await
}
