//! From a client's frame to the log and back.

use bytes::Bytes;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::{Root, SpaceId};
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::client_frame::Body as Request;
use sealpost_protocol::wire::relay_frame::Body as Answer;
use sealpost_protocol::wire::{self, Nack};

use super::requests::{Outcome, Requests};
use super::subscriptions::Subscriptions;
use crate::log::{Ack, LogError, LogService, PublishOutcome, Subscription};
use crate::spaces::AuthenticatedPrincipal;

/// What the requests of one socket need.
#[derive(Clone)]
pub struct Caller {
    /// The log.
    pub log: LogService,
    /// Who asks.
    pub principal: AuthenticatedPrincipal,
}

/// A refusal that only the code explains.
#[must_use]
pub fn nack(code: ErrorCode) -> Nack {
    Nack {
        code: code.as_str().to_owned(),
        message: code.advice().to_owned(),
        ..Nack::default()
    }
}

/// Begins to work on a request whose frame had `length` bytes, or answers it at once.
///
/// # Errors
/// The answer.
pub fn dispatch(
    caller: &Caller,
    frame: wire::ClientFrame,
    length: usize,
    requests: &mut Requests,
    subscriptions: &mut Subscriptions,
) -> Result<(), Answer> {
    let request_id = frame.request_id;
    let caller = caller.clone();
    match frame.body {
        Some(Request::Publish(publish)) => {
            let space = parse_space(&publish.space_id)?;
            if publish.entries.len() > limits::MAX_ENTRIES_PER_PUBLISH {
                return Err(too_large(limits::MAX_ENTRIES_PER_PUBLISH));
            }
            // The log takes its place in the queue with the call, so publishes keep their order.
            let outcome = caller.log.publish(&caller.principal, space, publish.entries);
            requests.push(request_id, length, async { published(outcome.await) });
        }
        Some(Request::Subscribe(subscribe)) => {
            let (space, after) = parse_subscribe(&subscribe)?;
            check_subscription(request_id, requests, subscriptions)?;
            requests.push(request_id, length, async move {
                match caller.log.subscribe(&caller.principal, space, after).await {
                    Ok(subscription) => Outcome::Subscribed(Box::new(subscription)),
                    Err(error) => error.into(),
                }
            });
        }
        Some(Request::Unsubscribe(unsubscribe)) => {
            let known = subscriptions.remove(unsubscribe.subscription);
            return Err(if known {
                done()
            } else {
                refused(ErrorCode::NotFound)
            });
        }
        Some(Request::SendSignal(send)) => {
            let signal = send.signal.ok_or_else(|| refused(ErrorCode::Malformed))?;
            requests.push(request_id, length, async move {
                answer(caller.log.signal(&caller.principal, signal).await, |()| done())
            });
        }
        Some(Request::StageWraps(stage)) => {
            let space = parse_space(&stage.space_id)?;
            if stage.wraps.len() > limits::MAX_WRAPS_PER_FRAME {
                return Err(too_large(limits::MAX_WRAPS_PER_FRAME));
            }
            requests.push(request_id, length, async move {
                let staged = caller.log.stage_wraps(&caller.principal, space, stage).await;
                answer(staged, |count| Answer::WrapsStaged(wire::WrapsStaged { count }))
            });
        }
        Some(Request::FetchWrap(fetch)) => {
            let space = parse_space(&fetch.space_id)?;
            requests.push(request_id, length, async move {
                let wrap = caller.log.fetch_wrap(&caller.principal, space, fetch.epoch).await;
                answer(wrap, |(key_id, sealed)| {
                    let key_id = key_id.to_bytes();
                    Answer::FetchedWrap(wire::FetchedWrap { key_id, sealed })
                })
            });
        }
        Some(Request::Authenticate(_)) | None => return Err(refused(ErrorCode::Malformed)),
    }
    Ok(())
}

/// The answer to a Subscribe that the log granted.
#[must_use]
pub fn subscribed(subscription: &Subscription) -> Answer {
    let head = &subscription.head;
    Answer::Subscribed(wire::Subscribed {
        head_seq: head.cursor.seq,
        head_root: head.cursor.root.to_bytes(),
        receipt: head.receipt.to_bytes(),
        recovering: head.recovering,
    })
}

/// An answer of `code` alone.
#[must_use]
pub fn refused(code: ErrorCode) -> Answer {
    Answer::Nack(nack(code))
}

fn too_large(limit: usize) -> Answer {
    Answer::Nack(Nack {
        limit: limit as u64,
        ..nack(ErrorCode::TooLarge)
    })
}

fn done() -> Answer {
    Answer::Done(wire::Done {})
}

fn answer<T>(result: Result<T, LogError>, body: impl FnOnce(T) -> Answer) -> Outcome {
    match result {
        Ok(value) => Outcome::Answer(body(value)),
        Err(error) => error.into(),
    }
}

fn published(outcome: PublishOutcome) -> Outcome {
    Outcome::Answer(Answer::Published(wire::Published {
        acks: outcome.acks.iter().map(ack).collect(),
        nack: outcome.refusal.map(|refusal| refusal.to_nack()),
    }))
}

fn ack(ack: &Ack) -> wire::Ack {
    wire::Ack {
        seq: ack.cursor.seq,
        root: ack.cursor.root.to_bytes(),
        receipt: ack.receipt.to_bytes(),
        duplicate: ack.duplicate,
    }
}

fn parse_space(bytes: &Bytes) -> Result<SpaceId, Answer> {
    SpaceId::try_from(&bytes[..]).map_err(|_| refused(ErrorCode::Malformed))
}

fn parse_subscribe(subscribe: &wire::Subscribe) -> Result<(SpaceId, Cursor), Answer> {
    let root = Root::try_from(&subscribe.after_root[..]).map_err(|_| refused(ErrorCode::Malformed))?;
    let after = Cursor {
        seq: subscribe.after_seq,
        root,
    };
    Ok((parse_space(&subscribe.space_id)?, after))
}

/// Subscribes in flight count too, or a burst of them would pass the limit together.
fn check_subscription(
    request_id: u64,
    requests: &Requests,
    subscriptions: &Subscriptions,
) -> Result<(), Answer> {
    if subscriptions.contains(request_id) {
        return Err(refused(ErrorCode::Malformed));
    }
    if subscriptions.count() + requests.in_flight() >= limits::MAX_SUBSCRIPTIONS_PER_SOCKET {
        return Err(too_large(limits::MAX_SUBSCRIPTIONS_PER_SOCKET));
    }
    Ok(())
}
