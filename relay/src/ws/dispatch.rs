//! From a client's frame to the log and back.

use bytes::Bytes;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::{Receipt, Root, SpaceId};
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::client_frame::Body as Request;
use sealpost_protocol::wire::relay_frame::Body as Answer;
use sealpost_protocol::wire::{self, Nack};

use super::requests::{Outcome, Requests};
use super::subscriptions::Subscriptions;
use crate::log::{Ack, LogError, LogService, PublishOutcome, Subscription, Tail};
use crate::spaces::AuthenticatedPrincipal;

/// What the requests of one socket need.
#[derive(Clone)]
pub struct Caller {
    /// The log.
    pub log: LogService,
    /// Who asks.
    pub principal: AuthenticatedPrincipal,
}

/// Takes one request in.
pub struct Dispatch<'a> {
    /// For whom.
    pub caller: &'a Caller,
    /// Where what takes time is worked on.
    pub requests: &'a mut Requests,
    /// What `Unsubscribe` ends.
    pub subscriptions: &'a mut Subscriptions,
    /// The request's id.
    pub request_id: u64,
    /// The length of its frame, in bytes.
    pub length: usize,
}

impl Dispatch<'_> {
    /// Begins to work on a request, or answers it at once.
    ///
    /// # Errors
    /// The answer.
    pub fn take(self, request: Option<Request>) -> Result<(), Answer> {
        match request {
            Some(Request::Publish(publish)) => self.publish(publish),
            Some(Request::Subscribe(subscribe)) => self.subscribe(&subscribe),
            Some(Request::Unsubscribe(unsubscribe)) => self.unsubscribe(&unsubscribe),
            Some(Request::SendSignal(send)) => self.send_signal(send),
            Some(Request::StageWraps(stage)) => self.stage_wraps(stage),
            Some(Request::FetchWrap(fetch)) => self.fetch_wrap(fetch),
            Some(Request::FetchInvite(fetch)) => self.fetch_invite(fetch),
            Some(Request::AskForWrap(ask)) => self.ask_for_wrap(&ask),
            Some(Request::FetchWrapRequests(fetch)) => self.fetch_wrap_requests(&fetch),
            Some(Request::Heal(heal)) => self.heal(heal),
            Some(Request::FetchCheckpoint(fetch)) => self.fetch_checkpoint(&fetch),
            Some(Request::Authenticate(_)) | None => Err(refused(ErrorCode::Malformed)),
        }
    }

    fn publish(self, publish: wire::Publish) -> Result<(), Answer> {
        let space = parse_space(&publish.space_id)?;
        check_count(publish.entries.len(), limits::MAX_ENTRIES_PER_PUBLISH)?;
        // The log gives this request its place in the queue now, so that publishes keep their order.
        let Caller { log, principal } = self.caller;
        let outcome = log.publish(principal, space, publish.entries);
        self.work(|_| async { published(outcome.await) });
        Ok(())
    }

    fn subscribe(self, subscribe: &wire::Subscribe) -> Result<(), Answer> {
        let (space, after) = (parse_space(&subscribe.space_id)?, parse_cursor(subscribe)?);
        if self.subscriptions.contains(self.request_id) {
            return Err(refused(ErrorCode::Malformed));
        }
        // Those in flight count too, or a burst of them would pass the limit together.
        let count = self.subscriptions.count() + self.requests.in_flight() + 1;
        check_count(count, limits::MAX_SUBSCRIPTIONS_PER_SOCKET)?;
        self.work(move |caller| async move {
            match caller.log.subscribe(&caller.principal, space, after).await {
                Ok(subscription) => Outcome::Subscribed(Box::new(subscription)),
                Err(error) => error.into(),
            }
        });
        Ok(())
    }

    fn unsubscribe(self, unsubscribe: &wire::Unsubscribe) -> Result<(), Answer> {
        let known = self.subscriptions.remove(unsubscribe.subscription);
        Err(if known {
            done()
        } else {
            refused(ErrorCode::NotFound)
        })
    }

    fn send_signal(self, send: wire::SendSignal) -> Result<(), Answer> {
        let signal = send.signal.ok_or_else(|| refused(ErrorCode::Malformed))?;
        self.work(move |caller| async move {
            let sent = caller.log.signal(&caller.principal, signal).await;
            answer(sent, |()| done())
        });
        Ok(())
    }

    fn stage_wraps(self, stage: wire::StageWraps) -> Result<(), Answer> {
        let space = parse_space(&stage.space_id)?;
        check_count(stage.wraps.len(), limits::MAX_WRAPS_PER_FRAME)?;
        self.work(move |caller| async move {
            let staged = caller.log.stage_wraps(&caller.principal, space, stage).await;
            answer(staged, |count| Answer::WrapsStaged(wire::WrapsStaged { count }))
        });
        Ok(())
    }

    fn fetch_invite(self, fetch: wire::FetchInvite) -> Result<(), Answer> {
        let space = parse_space(&fetch.space_id)?;
        self.work(move |caller| async move {
            let fetched = caller.log.fetch_invite(&caller.principal, space, fetch).await;
            answer(fetched, Answer::FetchedInvite)
        });
        Ok(())
    }

    fn ask_for_wrap(self, ask: &wire::AskForWrap) -> Result<(), Answer> {
        let (space, epoch) = (parse_space(&ask.space_id)?, ask.epoch);
        self.work(move |caller| async move {
            let asked = caller.log.ask_for_wrap(&caller.principal, space, epoch).await;
            answer(asked, |()| done())
        });
        Ok(())
    }

    fn fetch_wrap_requests(self, fetch: &wire::FetchWrapRequests) -> Result<(), Answer> {
        let space = parse_space(&fetch.space_id)?;
        self.work(move |caller| async move {
            let requests = caller.log.wrap_requests(&caller.principal, space).await;
            answer(requests, |requests| {
                Answer::WrapRequests(wire::WrapRequests { requests })
            })
        });
        Ok(())
    }

    fn heal(self, heal: wire::Heal) -> Result<(), Answer> {
        let space = parse_space(&heal.space_id)?;
        check_count(heal.entries.len(), limits::MAX_ENTRIES_PER_HEAL)?;
        let tail = parse_tail(heal)?;
        self.work(move |caller| async move {
            let healed = caller.log.heal(&caller.principal, space, tail).await;
            answer(healed, |at| {
                let (seq, root) = (at.seq, at.root.to_bytes());
                Answer::Healed(wire::Healed { seq, root })
            })
        });
        Ok(())
    }

    fn fetch_checkpoint(self, fetch: &wire::FetchCheckpoint) -> Result<(), Answer> {
        let space = parse_space(&fetch.space_id)?;
        self.work(move |caller| async move {
            let signed = caller.log.checkpoint(&caller.principal, space).await;
            answer(signed, Answer::Checkpoint)
        });
        Ok(())
    }

    fn fetch_wrap(self, fetch: wire::FetchWrap) -> Result<(), Answer> {
        let space = parse_space(&fetch.space_id)?;
        self.work(move |caller| async move {
            let wrap = caller.log.fetch_wrap(&caller.principal, space, &fetch).await;
            answer(wrap, |(key_id, sealed)| {
                let key_id = key_id.to_bytes();
                Answer::FetchedWrap(wire::FetchedWrap { key_id, sealed })
            })
        });
        Ok(())
    }

    fn work<F>(self, begin: impl FnOnce(Caller) -> F)
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let work = begin(self.caller.clone());
        self.requests.push(self.request_id, self.length, work);
    }
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

/// The answer to a Subscribe that the log granted.
#[must_use]
pub fn subscribed(subscription: &Subscription) -> Answer {
    let head = &subscription.head;
    Answer::Subscribed(wire::Subscribed {
        head_seq: head.cursor.seq,
        head_root: head.cursor.root.to_bytes(),
        receipt: head.receipt.map(|receipt| receipt.to_bytes()).unwrap_or_default(),
        recovering: head.recovering,
    })
}

fn refused(code: ErrorCode) -> Answer {
    Answer::Nack(nack(code))
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

fn parse_cursor(subscribe: &wire::Subscribe) -> Result<Cursor, Answer> {
    let root = Root::try_from(&subscribe.after_root[..]);
    Ok(Cursor {
        seq: subscribe.after_seq,
        root: root.map_err(|_| refused(ErrorCode::Malformed))?,
    })
}

fn parse_tail(heal: wire::Heal) -> Result<Tail, Answer> {
    let malformed = || refused(ErrorCode::Malformed);
    let end = Cursor {
        seq: heal.last_seq,
        root: Root::try_from(&heal.last_root[..]).map_err(|_| malformed())?,
    };
    let receipt = Receipt::try_from(&heal.receipt[..]).map_err(|_| malformed())?;
    Ok(Tail {
        entries: heal.entries,
        end,
        receipt,
    })
}

fn check_count(count: usize, limit: usize) -> Result<(), Answer> {
    if count <= limit {
        return Ok(());
    }
    Err(Answer::Nack(Nack {
        limit: limit as u64,
        ..nack(ErrorCode::TooLarge)
    }))
}
