//! Flights: signed events on their way to the relay, and what comes back.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt;
use prost::Message as _;
use rand::Rng;
use sealpost_protocol::ids::{EventId, Receipt, Root};
use sealpost_protocol::limits;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{self, Ack};

use super::Outbox;
use super::failure::{self, Failure};
use crate::error::{Alarm, Error};
use crate::socket::refusal;
use crate::space::stop::Stop;
use crate::store::outbox::{AckedAt, OutboxRow};
use crate::sync::broken_ack_alarm;

/// Events of one Publish frame.
pub(super) const MAX_LOAD: usize = 32;
/// Bytes of the events of one Publish frame; the rest of the frame is for what surrounds them.
pub(super) const MAX_LOAD_BYTES: usize = limits::MAX_FRAME - 8 * 1024;

/// What a flight's events are answered with.
pub(super) struct Landed {
    rows: Vec<(i64, EventId)>,
    answer: Result<wire::Published, Error>,
}

pub(super) type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// Takes the first rows that fit into one flight.
pub(super) fn take_load(unsent: &mut VecDeque<OutboxRow>) -> Vec<OutboxRow> {
    let (mut load, mut bytes) = (Vec::new(), 0);
    while let Some(row) = unsent.pop_front() {
        bytes += row.event.event.encoded_len();
        if !load.is_empty() && (load.len() == MAX_LOAD || bytes > MAX_LOAD_BYTES) {
            unsent.push_front(row);
            break;
        }
        load.push(row);
    }
    load
}

impl<R: Rng> Outbox<R> {
    /// Sends rows that are on disk already.
    pub(super) fn launch(&mut self, rows: &[OutboxRow]) {
        let entries = rows.iter().map(|row| entry(row.event.event.clone())).collect();
        let rows = rows.iter().map(|row| (row.number, row.event.event_id)).collect();
        let (socket, space_id) = (self.core.socket.clone(), self.core.space_id);
        self.flights.push_back(Box::pin(async move {
            let answer = socket.publish(&space_id, entries).await;
            Landed { rows, answer }
        }));
    }

    /// Takes what a flight brought: acks for the first of its events, and perhaps a refusal of the one behind.
    pub(super) async fn land(&mut self, landed: Landed) -> Result<(), Failure> {
        let published = match landed.answer {
            Ok(published) => published,
            Err(error) => {
                self.doubt(&landed.rows, &error);
                return Err(error.into());
            }
        };
        let refused = published.nack.as_ref().map(refusal);
        let acked = self.read_acks(&landed.rows, &published.acks)?;
        if !acked.is_empty() {
            self.backoff.reset();
            self.strikes = 0;
        }
        let _settling = Arc::clone(&self.settling).lock_owned().await;
        self.keep_acks(acked.clone()).await?;
        for (number, event_id, at) in &acked {
            self.tell(*number, *event_id, at.at.seq);
        }
        match refused {
            Some(refusal) => {
                self.doubt(&landed.rows, &refusal.clone().into());
                Err(failure::of_refusal(Box::new(refusal)))
            }
            None if acked.len() == landed.rows.len() => Ok(()),
            None => Err(self.nonsense("the relay acked fewer events than it was sent, and refused none")),
        }
    }

    /// After a failure: what else lands may still bring acks, and nothing more is concluded from it.
    pub(super) async fn land_the_rest(&mut self) {
        while let Some(landed) = self.flights.next().await {
            // The first failure is the one that counts: those behind it follow from it.
            let _ = self.land(landed).await;
        }
    }

    /// Notes which events the relay may have although it has not acked them.
    fn doubt(&mut self, rows: &[(i64, EventId)], error: &Error) {
        if !error.leaves_open() {
            return;
        }
        for (number, _) in rows {
            if let Some(waiting) = self.waiting.get_mut(number) {
                waiting.may_stand = true;
            }
        }
    }

    fn read_acks(
        &self,
        rows: &[(i64, EventId)],
        acks: &[Ack],
    ) -> Result<Vec<(i64, EventId, AckedAt)>, Failure> {
        if acks.len() > rows.len() {
            return Err(self.nonsense("the relay acked more events than it was sent"));
        }
        let read = rows.iter().zip(acks).map(|((number, event_id), ack)| {
            let acked =
                parse_ack(ack).ok_or_else(|| self.nonsense("the relay sent an ack that does not parse"))?;
            Ok((*number, *event_id, acked))
        });
        read.collect()
    }

    async fn keep_acks(&mut self, acked: Vec<(i64, EventId, AckedAt)>) -> Result<(), Failure> {
        let settled = self
            .core
            .write(move |log, _| {
                for (number, event_id, at) in &acked {
                    if let Err(broken) = log.put_ack(*number, *event_id, at)? {
                        return Ok(Err(broken));
                    }
                }
                log.settle_acks()
            })
            .await?;
        match settled {
            Ok(()) => Ok(()),
            Err(broken) => {
                let alarm = broken_ack_alarm(&broken, self.core.space_id);
                self.core.raise(alarm.clone(), Vec::new()).await;
                Err(Failure::Stopped(Stop::Alarm(alarm)))
            }
        }
    }

    fn nonsense(&self, what: &str) -> Failure {
        let alarm = Alarm {
            space_id: Some(self.core.space_id),
            ..Alarm::new(what)
        };
        Failure::Alarm(alarm)
    }
}

fn parse_ack(ack: &Ack) -> Option<AckedAt> {
    // The store keeps places as signed numbers.
    i64::try_from(ack.seq).ok().filter(|seq| *seq > 0)?;
    Some(AckedAt {
        at: Cursor {
            seq: ack.seq,
            root: Root::try_from(&ack.root[..]).ok()?,
        },
        receipt: Receipt::try_from(&ack.receipt[..]).ok()?,
    })
}

fn entry(event: wire::SignedEvent) -> wire::Entry {
    wire::Entry {
        kind: Some(Kind::Event(event)),
    }
}
