//! One authenticated socket. Its task owns everything it needs; nobody else writes to it.

use std::sync::Arc;

use bytes::Bytes;
use sealpost_protocol::close::CloseCode;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::limits;
use sealpost_protocol::wire::relay_frame::Body;
use sealpost_protocol::wire::{self, Nack};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::authenticate::Authenticated;
use super::bucket::{Rate, TokenBucket};
use super::close::{Close, End};
use super::dispatch::{Caller, Dispatch, nack, subscribed};
use super::frame::{decode, encode, encode_page};
use super::link::{Link, LinkEvent, Received};
use super::registry::{Order, Phase, Registration};
use super::requests::{Finished, Outcome, Requests};
use super::service::Shared;
use super::subscriptions::{Delivery, Subscriptions};
use super::timers::{Timeout, Timers, random_below};
use crate::log::Live;

/// Queued bytes up to which more is fetched for the client.
const FETCH_BELOW: usize = 64 * 1024;
/// Queued bytes up to which more requests are read from the client.
const READ_BELOW: usize = 256 * 1024;

/// Answers `rate_limited` that a client gets without a pause. Whoever goes on beyond them is read no faster than this: an
/// answer costs as much as many a request.
const REFUSALS: Rate = Rate::new(100, 200);

/// The task's state.
pub struct Conversation<'a, S> {
    link: &'a mut Link<S>,
    shared: Arc<Shared>,
    caller: Caller,
    registration: Registration,
    requests: Requests,
    subscriptions: Subscriptions,
    timers: Timers,
    request_rate: TokenBucket,
    control_rate: TokenBucket,
    refusals: TokenBucket,
    deaf_until: Option<Instant>,
    closing: Option<Close>,
    /// Whether answers wait for those that come at the same time, so that one write takes them all.
    gathers: bool,
    queued: i64,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Conversation<'a, S> {
    /// Greets a client that has authenticated.
    pub fn new(link: &'a mut Link<S>, shared: Arc<Shared>, client: Authenticated) -> Self {
        let settings = &shared.settings;
        let now = Instant::now();
        let timers = Timers::new(
            settings.ping_interval(),
            shared.write_timeout,
            client.session.expires_in,
            &*shared.entropy,
        );
        let authenticated = wire::Authenticated {
            incarnation: shared.incarnation.to_bytes(),
            max_frame_bytes: u32::try_from(limits::MAX_FRAME).expect("a frame is far below 4 GiB"),
            ping_interval_ms: settings.ping_interval_ms,
        };
        link.lift_allowance();
        link.push(encode(client.request_id, Body::Authenticated(authenticated)));
        Self {
            link,
            caller: Caller {
                log: shared.log.clone(),
                principal: client.principal,
            },
            registration: client.registration,
            requests: Requests::new(settings),
            subscriptions: Subscriptions::new(settings.page_bytes),
            timers,
            request_rate: TokenBucket::new(settings.requests, now),
            control_rate: TokenBucket::new(settings.control_frames, now),
            refusals: TokenBucket::new(REFUSALS, now),
            deaf_until: None,
            closing: None,
            gathers: false,
            queued: 0,
            shared,
        }
    }

    /// Serves the client until one side ends it.
    pub async fn run(mut self) -> End {
        loop {
            if let Some(close) = self.closing
                && self.requests.are_done()
            {
                return close.into();
            }
            if let Err(end) = self.turn().await {
                return end;
            }
            self.count_queued();
        }
    }

    async fn turn(&mut self) -> Result<(), End> {
        if !self.gathers {
            self.link.write().await?;
        }
        let queued = self.link.queued();
        let is_closing = self.closing.is_some();
        let may_fetch = queued < FETCH_BELOW && !is_closing;
        let deaf_until = self.deaf_until;
        let has_room = queued < READ_BELOW && self.requests.have_room();
        let may_read = has_room && !is_closing && deaf_until.is_none();
        let waiting_since = self.link.waiting_since();
        tokio::select! {
            // In this order: who must end ends at once; then what was begun goes out before more is taken in, so that
            // a client gets no further ahead of its answers than its limits; the stream itself comes last, and since
            // the others are silent once enough is queued, it does get its turn.
            biased;
            order = self.registration.next() => self.obey(order),
            timeout = self.timers.next(waiting_since) => self.time_out(timeout),
            () = until(deaf_until) => {
                self.deaf_until = None;
                Ok(())
            }
            finished = self.requests.next() => {
                self.answer(finished);
                Ok(())
            }
            (id, delivery) = self.subscriptions.next(may_fetch) => {
                self.deliver(id, delivery);
                Ok(())
            }
            // Whoever is woken by the same commit has its turn before this.
            () = yield_now(), if self.gathers => {
                self.gathers = false;
                Ok(())
            }
            event = self.link.next(may_read), if !self.gathers => self.hear(event?),
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::End(close) => return Err(close.into()),
            Order::Enter(Phase::Open) => {}
            Order::Enter(Phase::Leaving) => self.send_go_away(),
            Order::Enter(Phase::Closing) => self.closing = Some(Close::plain(CloseCode::Restart)),
            Order::Tell(notice) => self.link.push(notice),
        }
        Ok(())
    }

    fn send_go_away(&mut self) {
        let spread = self.shared.settings.reconnect_spread(self.shared.registry.open());
        let delay = random_below(spread, &*self.shared.entropy);
        let go_away = wire::GoAway {
            reconnect_after_ms: u32::try_from(delay.as_millis()).unwrap_or(u32::MAX),
            message: "The relay is about to restart; reconnect after the time given.".to_owned(),
        };
        self.link.push(encode(0, Body::GoAway(go_away)));
    }

    fn time_out(&mut self, timeout: Timeout) -> Result<(), End> {
        match timeout {
            Timeout::Ping => {
                self.link.ping();
                Ok(())
            }
            Timeout::TooSlow => Err(Close::TOO_SLOW.into()),
            Timeout::SessionExpired => {
                Err(Close::because(CloseCode::SessionEnded, ErrorCode::NotAuthenticated).into())
            }
        }
    }

    fn answer(&mut self, finished: Finished) {
        self.gathers |= self.link.queued() == 0;
        let id = finished.request_id;
        match finished.outcome {
            Outcome::Answer(body) => self.push_answer(id, body),
            Outcome::Subscribed(subscription) => {
                self.link.push(encode(id, subscribed(&subscription)));
                self.subscriptions.add(id, *subscription);
            }
        }
    }

    fn push_answer(&mut self, id: u64, body: Body) {
        let nack = match &body {
            Body::Nack(nack) => Some(nack),
            Body::Published(published) => published.nack.as_ref(),
            _ => None,
        };
        if nack.is_some_and(|nack| nack.code == ErrorCode::RateLimited.as_str()) {
            let now = Instant::now();
            let pause = self.refusals.charge(1, now);
            self.deaf_until = (!pause.is_zero()).then(|| now + pause);
        }
        self.link.push(encode(id, body));
    }

    fn deliver(&mut self, id: u64, delivery: Delivery) {
        let metrics = &self.shared.metrics;
        let frame = match delivery {
            Delivery::Pages(pages) => {
                for page in pages {
                    metrics.pages.inc();
                    metrics.delivered.inc_by(page.count());
                    self.link.push_parts(encode_page(id, &page));
                }
                return;
            }
            Delivery::Live(Live::Signal(signal)) => {
                metrics.signals.inc();
                let signal = Some(signal);
                encode(id, Body::SignalDelivered(wire::SignalDelivered { signal }))
            }
            Delivery::Live(Live::WrapWanted(request)) => {
                let request = Some(request);
                encode(id, Body::WrapWanted(wire::WrapWanted { request }))
            }
            Delivery::Ended(reason) => subscription_ended(id, reason),
            Delivery::CutOff(reason) => {
                // What it may do elsewhere, it does on a new socket.
                self.closing.get_or_insert(Close::CUT_OFF);
                subscription_ended(id, reason)
            }
        };
        self.link.push(frame);
    }

    fn hear(&mut self, event: LinkEvent) -> Result<(), End> {
        let LinkEvent::Received(received) = event else {
            return Ok(());
        };
        self.timers.heard();
        match received {
            Received::Message(message) => self.request(message)?,
            Received::Ping | Received::Pong => self
                .control_rate
                .take(1, Instant::now())
                .map_err(|_| Close::because(CloseCode::Policy, ErrorCode::RateLimited))?,
        }
        Ok(())
    }

    fn request(&mut self, message: Bytes) -> Result<(), Close> {
        self.shared.metrics.received.inc();
        let length = message.len();
        let frame = decode(message)?;
        let id = frame.request_id;
        if let Err(answer) = self.try_request(frame, length) {
            self.push_answer(id, answer);
        }
        Ok(())
    }

    fn try_request(&mut self, frame: wire::ClientFrame, length: usize) -> Result<(), Body> {
        self.request_rate.take(1, Instant::now()).map_err(|wait| {
            Body::Nack(Nack {
                retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1),
                ..nack(ErrorCode::RateLimited)
            })
        })?;
        let dispatch = Dispatch {
            caller: &self.caller,
            requests: &mut self.requests,
            subscriptions: &mut self.subscriptions,
            request_id: frame.request_id,
            length,
        };
        dispatch.take(frame.body)
    }

    fn count_queued(&mut self) {
        let queued = i64::try_from(self.link.queued()).unwrap_or(i64::MAX);
        if queued != self.queued {
            self.shared.metrics.queued_bytes.inc_by(queued - self.queued);
            self.queued = queued;
        }
    }
}

fn subscription_ended(id: u64, reason: Nack) -> Bytes {
    let reason = Some(reason);
    encode(id, Body::SubscriptionEnded(wire::SubscriptionEnded { reason }))
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl<S> Drop for Conversation<'_, S> {
    fn drop(&mut self) {
        self.shared.metrics.queued_bytes.dec_by(self.queued);
    }
}
