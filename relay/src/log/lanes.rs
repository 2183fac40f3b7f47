//! Append lanes: what gathers while a commit is in flight goes into the next one, with no timer.
//!
//! A lane judges what is ready in its spaces by itself, one space after the other, and answers it after the commit: no task
//! is woken for a space whose log is in memory. Whatever may have to wait is left to a task of the space, which sends its
//! appends here, too. While one batch is being committed the next one is judged, so that Postgres need not wait for it.

use std::mem;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use futures_util::FutureExt;
use sealpost_protocol::ids::SpaceId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinHandle};
use tokio::time::Instant;

use super::LogError;
use super::ports::{Append, Appended};
use super::shared::{Shared, store_failure};
use super::space::Space;
use super::worker::Round;
use crate::store_failure::StoreFailure;

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

/// What became of an append, where that is known.
pub(super) type Outcome = Result<Appended, Failed>;

/// The lanes. A space always goes through the same one, and waits in it once at most.
pub(super) struct Lanes {
    lanes: Vec<mpsc::UnboundedSender<Job>>,
}

/// What the lanes take their work from.
pub(super) struct Queues(Vec<mpsc::UnboundedReceiver<Job>>);

enum Job {
    /// Append what is ready in a space.
    Space(Arc<Space>),
    /// Append what a task has judged.
    Append(Append, oneshot::Sender<Outcome>),
}

impl Lanes {
    /// So many lanes, and their queues.
    pub(super) fn new(count: NonZeroUsize) -> (Self, Queues) {
        let (lanes, queues) = (0..count.get()).map(|_| mpsc::unbounded_channel()).unzip();
        (Self { lanes }, Queues(queues))
    }

    /// Has what is ready in a space appended. Its worker is the lane from now on.
    pub(super) fn list(&self, space: Arc<Space>) {
        // The lanes end with the relay.
        let _ = self.of(&space.id).send(Job::Space(space));
    }

    /// Appends, together with what others append through the same lane at this moment.
    pub(super) async fn append(&self, space: &SpaceId, append: Append) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        let _ = self.of(space).send(Job::Append(append, reply));
        outcome.await.unwrap_or(Err(Failed::Unknown))
    }

    fn of(&self, space: &SpaceId) -> &mpsc::UnboundedSender<Job> {
        &self.lanes[usize::from(space.as_bytes()[0]) % self.lanes.len()]
    }
}

impl Queues {
    /// Starts the lanes. They end when `shared` is dropped.
    pub(super) fn start(self, shared: &Arc<Shared>) {
        for queue in self.0 {
            let shared = Arc::downgrade(shared);
            let next = Batch::default();
            tokio::spawn(Lane { queue, shared, next }.run());
        }
    }
}

struct Lane {
    queue: mpsc::UnboundedReceiver<Job>,
    shared: Weak<Shared>,
    /// What is committed next.
    next: Batch,
}

#[derive(Default)]
struct Batch {
    appends: Vec<Append>,
    askers: Vec<Asker>,
    entries: usize,
    bytes: usize,
}

/// Who is told what became of an append.
enum Asker {
    Round(Round),
    Task(oneshot::Sender<Outcome>),
}

/// A batch, and what became of its appends.
struct Ended {
    batch: Batch,
    outcomes: Result<Vec<Appended>, StoreFailure>,
}

impl Lane {
    async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            self.take(first);
            self.gather();
            let mut committing = self.commit_next();
            while let Some(batch) = committing {
                let ended = self.gather_until(batch).await;
                self.gather();
                committing = self.commit_next();
                if committing.is_some() {
                    // The next one is on its way before this one is answered.
                    task::yield_now().await;
                }
                if let Some(Ended { batch, outcomes }) = ended {
                    batch.reply(outcomes);
                }
            }
        }
    }

    fn commit_next(&mut self) -> Option<JoinHandle<Ended>> {
        if self.next.appends.is_empty() {
            return None;
        }
        let shared = self.shared.upgrade()?;
        Some(tokio::spawn(mem::take(&mut self.next).commit(shared)))
    }

    fn take(&mut self, job: Job) {
        // Who is dropped with the job is told that the relay ends.
        if let Some(shared) = self.shared.upgrade() {
            self.next.take(&shared, job);
        }
    }

    /// Judges what comes until a batch is committed.
    async fn gather_until(&mut self, mut committing: JoinHandle<Ended>) -> Option<Ended> {
        loop {
            tokio::select! {
                biased;
                // It catches its panics, and is cut short with the relay alone.
                ended = &mut committing => return ended.ok(),
                Some(job) = self.queue.recv(), if !self.next.is_full() => self.take(job),
            };
        }
    }

    /// Judges what has come.
    fn gather(&mut self) {
        while !self.next.is_full()
            && let Ok(job) = self.queue.try_recv()
        {
            self.take(job);
        }
    }
}

impl Batch {
    fn take(&mut self, shared: &Arc<Shared>, job: Job) {
        match job {
            Job::Append(append, reply) => self.push(append, Asker::Task(reply)),
            Job::Space(space) => {
                // After a panic, which its hook has logged, the lane must go on: its spaces have no other.
                let begun = catch_unwind(AssertUnwindSafe(|| Round::begin(shared, space)));
                if let Ok(Some((round, append))) = begun {
                    self.push(append, Asker::Round(round));
                }
            }
        }
    }

    fn push(&mut self, append: Append, asker: Asker) {
        self.entries += append.events.len();
        self.bytes += append.bytes();
        self.appends.push(append);
        self.askers.push(asker);
    }

    fn is_full(&self) -> bool {
        self.bytes >= FULL_BATCH_BYTES || self.entries >= FULL_BATCH_ENTRIES
    }

    async fn commit(self, shared: Arc<Shared>) -> Ended {
        let started = Instant::now();
        let appending = AssertUnwindSafe(shared.store.append(&self.appends)).catch_unwind();
        let outcomes = appending
            .await
            .unwrap_or_else(|_| Err(StoreFailure::CommitUnknown("a panic".into())));
        let (spaces, elapsed) = (self.appends.len(), started.elapsed());
        shared
            .observer
            .batch_ended(spaces, self.entries, self.bytes, elapsed);
        Ended {
            batch: self,
            outcomes,
        }
    }

    fn reply(self, outcomes: Result<Vec<Appended>, StoreFailure>) {
        match outcomes {
            Ok(outcomes) => {
                for (asker, outcome) in self.askers.into_iter().zip(outcomes) {
                    asker.tell(Ok(outcome));
                }
            }
            Err(failure) => {
                let failed = self.failed(&failure);
                for asker in self.askers {
                    asker.tell(Err(failed.clone()));
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

impl Asker {
    fn tell(self, outcome: Outcome) {
        match self {
            // A task that was cut short waits no more.
            Self::Task(reply) => drop(reply.send(outcome)),
            // As above: another space must not suffer from a panic.
            Self::Round(round) => drop(catch_unwind(AssertUnwindSafe(|| round.finish(outcome)))),
        }
    }
}
