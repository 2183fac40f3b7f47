//! Append lanes: what gathers while a commit is in flight goes into the next one, with no timer.

use std::num::NonZeroUsize;
use std::sync::Arc;

use sealpost_protocol::ids::SpaceId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::ObserveLog;
use super::ports::{Append, Appended, LogStore};
use crate::store_failure::StoreFailure;

/// Appends that wait for one lane. Each space has at most one, so a full queue means many busy spaces; their
/// workers wait then.
const QUEUED_APPENDS: usize = 1024;
/// From this size on a batch is not made larger, in bytes.
const FULL_BATCH_BYTES: usize = 4 << 20;
/// From this size on a batch is not made larger, in entries.
const FULL_BATCH_ENTRIES: usize = 1024;

/// The commit failed, which was logged; whether it happened is unknown.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitUnknown;

/// The lanes. A space always goes through the same one.
pub(super) struct Lanes {
    lanes: Vec<mpsc::Sender<Queued>>,
}

struct Queued {
    append: Append,
    reply: oneshot::Sender<Result<Appended, CommitUnknown>>,
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
    pub(super) async fn append(&self, space: &SpaceId, append: Append) -> Result<Appended, CommitUnknown> {
        let (reply, outcome) = oneshot::channel();
        let lane = &self.lanes[usize::from(space.as_bytes()[0]) % self.lanes.len()];
        lane.send(Queued { append, reply })
            .await
            .map_err(|_| CommitUnknown)?;
        outcome.await.unwrap_or(Err(CommitUnknown))
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
    replies: Vec<oneshot::Sender<Result<Appended, CommitUnknown>>>,
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
        let outcomes = self.store.append(&batch.appends).await;
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
                let cause = &failure as &dyn std::error::Error;
                tracing::warn!(
                    error = cause,
                    batch.entries = self.entries,
                    "a batch of appends failed"
                );
                for reply in self.replies {
                    let _ = reply.send(Err(CommitUnknown));
                }
            }
        }
    }
}
