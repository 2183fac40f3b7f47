//! What attackers did and what came of it.

use std::{collections::BTreeMap, time::Duration};

use crate::bare::{Denied, Incoming};

/// What attackers did and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Frames, requests or connections, as the attack counts them.
    pub done: u64,
    /// Answers by what they were: a nack's code, a status, how a connection ended.
    pub answers: BTreeMap<String, u64>,
    /// Connections that the relay ended, and after how long at the longest.
    pub closed: u64,
    /// The longest.
    pub slowest_close: Duration,
    /// Connections that it should have ended and had not when the attacker gave up.
    pub overdue: u64,
}

impl Tally {
    pub(super) fn and(mut self, other: Self) -> Self {
        self.done += other.done;
        for (answer, count) in other.answers {
            *self.answers.entry(answer).or_default() += count;
        }
        self.closed += other.closed;
        self.slowest_close = self.slowest_close.max(other.slowest_close);
        self.overdue += other.overdue;
        self
    }

    pub(super) fn answer(&mut self, answer: impl Into<String>) {
        *self.answers.entry(answer.into()).or_default() += 1;
    }

    pub(super) fn status(&mut self, status: u16) {
        self.answer(format!("status {status}"));
    }

    /// The relay ended a connection.
    pub(super) fn closed(&mut self, how: impl Into<String>, after: Duration) {
        self.answer(how);
        self.closed += 1;
        self.slowest_close = self.slowest_close.max(after);
    }

    /// Whoever wanted in was not let in.
    pub(super) fn denied(&mut self, denied: &Denied) {
        match denied {
            Denied::Io(_) => self.answer("cut"),
            Denied::Status(status) => self.status(*status),
            Denied::Closed(code, reason) => self.answer(close(*code, reason)),
        }
    }

    /// Counts what the relay sent; tells how a connection ended, if it did.
    pub(super) fn hear(&mut self, incoming: &Incoming) -> Option<String> {
        use sealpost_protocol::wire::{Published, relay_frame::Body};
        match incoming {
            Incoming::Frame(frame) => match &frame.body {
                Some(Body::Nack(nack) | Body::Published(Published { nack: Some(nack), .. })) => {
                    self.answer(nack.code.clone());
                }
                Some(Body::Published(_)) => self.answer("acked"),
                Some(Body::Done(_)) => self.answer("done"),
                Some(Body::FetchedWrap(_)) => self.answer("wrap"),
                Some(Body::WrapsStaged(_)) => self.answer("staged"),
                Some(Body::Subscribed(_)) => self.answer("subscribed"),
                _ => {}
            },
            Incoming::Close(code, reason) => return Some(close(*code, reason)),
            Incoming::Gone => return Some("cut".to_owned()),
            Incoming::Ping | Incoming::Pong => {}
        }
        None
    }
}

fn close(code: u16, reason: &str) -> String {
    format!("close {code} {reason}").trim_end().to_owned()
}
