//! The requests of one socket that are being worked on.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use sealpost_protocol::wire::relay_frame::Body;

use super::settings::SocketSettings;
use crate::log::{LogError, Subscription};

/// What came of a request.
#[derive(Debug)]
pub enum Outcome {
    /// Send this.
    Answer(Body),
    /// Send the head and then pages.
    Subscribed(Box<Subscription>),
}

impl From<LogError> for Outcome {
    fn from(error: LogError) -> Self {
        Self::Answer(Body::Nack(error.to_nack()))
    }
}

/// An answered request.
#[derive(Debug)]
pub struct Finished {
    /// The id that the client gave it.
    pub request_id: u64,
    /// What came of it.
    pub outcome: Outcome,
    length: usize,
}

/// A bounded number of requests, answered in the order in which they finish.
pub struct Requests {
    running: FuturesUnordered<BoxFuture<'static, Finished>>,
    length: usize,
    max_running: usize,
    max_length: usize,
}

impl Requests {
    /// None yet.
    #[must_use]
    pub fn new(settings: &SocketSettings) -> Self {
        Self {
            running: FuturesUnordered::new(),
            length: 0,
            max_running: settings.max_requests_in_flight,
            max_length: settings.max_request_bytes_in_flight,
        }
    }

    /// Whether another request may be read.
    #[must_use]
    pub fn have_room(&self) -> bool {
        self.running.len() < self.max_running && self.length < self.max_length
    }

    /// How many there are.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.running.len()
    }

    /// Whether every request was answered.
    #[must_use]
    pub fn are_done(&self) -> bool {
        self.running.is_empty()
    }

    /// Adds a request whose frame had `length` bytes.
    pub fn push(
        &mut self,
        request_id: u64,
        length: usize,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.length += length;
        self.running.push(Box::pin(async move {
            Finished {
                request_id,
                outcome: work.await,
                length,
            }
        }));
    }

    /// The next answered request; waits for ever if there are none. May be cancelled.
    pub async fn next(&mut self) -> Finished {
        match self.running.next().await {
            Some(finished) => {
                self.length -= finished.length;
                finished
            }
            None => std::future::pending().await,
        }
    }
}
