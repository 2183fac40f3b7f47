//! Append lanes: what gathers while a commit is in flight goes into the next one, with no timer.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use sealpost_protocol::ids::SpaceId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::ports::{Append, Appended, LogStore};
use super::shared::store_failure;
use super::{LogError, ObserveLog};
use crate::store_failure::StoreFailure;

/// Appends that wait for one lane. Each space has at most one, so a full queue means many busy spaces; their
/// workers wait then.
const QUEUED_APPENDS: usize = 1024;
/// From this size on a batch is not made larger, in bytes.
const FULL_BATCH_BYTES: usize = 4 << 20;
/// From this size on a batch is not made larger, in entries.
const FULL_BATCH_ENTRIES: usize = 1024;

/// Why an append has no outcome. The cause was logged.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    /// Whether it was committed is unknown.
    Unknown,
    /// It was not committed, and the next would not be either.
    Refused(LogError),
}

/// The lanes. A space always goes through the same one.
pub(super) struct Lanes {
    lanes: Vec<mpsc::Sender<Queued>>,
}

struct Queued {
    append: Append,
    reply: oneshot::Sender<Result<Appended, Failed>>,
}

impl Lanes {
    /// Starts so many lanes. They end when the lanes are dropped.
    pub(super) fn start(
        count: NonZeroUsize,
        store: &Arc<dyn LogStore>,
        observer: &Arc<dyn ObserveLog>,
    ) -> Self {
        let start = |_| {
            let (sender, queue) = mpsc::channel(QUEUED_APPENDS);
            let lane = Lane {
                queue,
                store: Arc::clone(store),
                observer: Arc::clone(observer),
            };
            tokio::spawn(lane.run());
            sender
        };
        Self {
            lanes: (0..count.get()).map(start).collect(),
        }
    }

    /// Appends, together with what others append through the same lane at this moment.
    pub(super) async fn append(&self, space: &SpaceId, append: Append) -> Result<Appended, Failed> {
        let (reply, outcome) = oneshot::channel();
        let lane = &self.lanes[usize::from(space.as_bytes()[0]) % self.lanes.len()];
        lane.send(Queued { append, reply })
            .await
            .map_err(|_| Failed::Unknown)?;
        outcome.await.unwrap_or(Err(Failed::Unknown))
    }
}

struct Lane {
    queue: mpsc::Receiver<Queued>,
    store: Arc<dyn LogStore>,
    observer: Arc<dyn ObserveLog>,
}

#[derive(Default)]
struct Batch {
    appends: Vec<Append>,
    replies: Vec<oneshot::Sender<Result<Appended, Failed>>>,
    entries: usize,
    bytes: usize,
}

impl Lane {
    async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            let batch = self.gather(first);
            self.commit(batch).await;
        }
    }

    fn gather(&mut self, first: Queued) -> Batch {
        let mut batch = Batch::default();
        batch.push(first);
        while !batch.is_full()
            && let Ok(next) = self.queue.try_recv()
        {
            batch.push(next);
        }
        batch
    }

    async fn commit(&self, batch: Batch) {
        let started = Instant::now();
        let appending = AssertUnwindSafe(self.store.append(&batch.appends)).catch_unwind();
        // After a panic, which its hook has logged, the lane must go on: its spaces have no other.
        let outcomes = appending
            .await
            .unwrap_or_else(|_| Err(StoreFailure::CommitUnknown("a panic".into())));
        let (spaces, elapsed) = (batch.appends.len(), started.elapsed());
        self.observer
            .batch_ended(spaces, batch.entries, batch.bytes, elapsed);
        batch.reply(outcomes);
    }
}

impl Batch {
    fn push(&mut self, queued: Queued) {
        let events = &queued.append.events;
        self.entries += events.len();
        self.bytes += events.iter().map(|event| event.sealed.len()).sum::<usize>();
        self.appends.push(queued.append);
        self.replies.push(queued.reply);
    }

    fn is_full(&self) -> bool {
        self.bytes >= FULL_BATCH_BYTES || self.entries >= FULL_BATCH_ENTRIES
    }

    /// A worker that was cut short waits no more.
    fn reply(self, outcomes: Result<Vec<Appended>, StoreFailure>) {
        match outcomes {
            Ok(outcomes) => {
                for (reply, outcome) in self.replies.into_iter().zip(outcomes) {
                    let _ = reply.send(Ok(outcome));
                }
            }
            Err(failure) => {
                let failed = self.failed(&failure);
                for reply in self.replies {
                    let _ = reply.send(Err(failed.clone()));
                }
            }
        }
    }

    fn failed(&self, failure: &StoreFailure) -> Failed {
        let StoreFailure::CommitUnknown(_) = failure else {
            return Failed::Refused(store_failure(failure));
        };
        let cause = failure as &dyn std::error::Error;
        tracing::warn!(
            error = cause,
            batch.entries = self.entries,
            "whether a batch of appends was committed is unknown; looking"
        );
        Failed::Unknown
    }
}
