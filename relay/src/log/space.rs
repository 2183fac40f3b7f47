//! One space in memory: a queue of work, the worker's things while it rests, and what readers share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use sealpost_protocol::ids::SpaceId;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::Instant;

use super::LogError;
use super::checkpoints::LastCheckpoint;
use super::healing::Healing;
use super::ledger::Ledger;
use super::page::Page;
use super::ring::Ring;
use super::signals::LiveSignal;
use super::submission::Submission;
use super::view::View;

/// A space. All work on its log is done by one worker task at a time, which exists only while there is some.
pub(super) struct Space {
    pub(super) id: SpaceId,
    intake: Mutex<Intake>,
    view: watch::Sender<Option<View>>,
    ring: Mutex<Ring>,
    signals: OnceLock<broadcast::Sender<Arc<LiveSignal>>>,
    pub(super) checkpoint: LastCheckpoint,
}

/// Something to be done with the log.
pub(super) enum Work {
    /// Append entries.
    Append(Submission),
    /// Put back what a restore took away.
    Heal(Healing),
    /// Read what the database has and memory has not.
    Sync(Sync),
}

/// A wish to see what the database has.
pub(super) struct Sync {
    /// Whether what is in memory may be wrong, not only old.
    pub(super) reopen: bool,
    /// Told when it is done.
    pub(super) reply: oneshot::Sender<Result<(), LogError>>,
}

#[derive(Default)]
struct Intake {
    queue: VecDeque<Work>,
    queued_bytes: usize,
    is_working: bool,
    rest: Bench,
}

/// What the worker needs and leaves behind when there is nothing to do.
#[derive(Default)]
pub(super) struct Bench {
    pub(super) ledger: Option<Box<Ledger>>,
    /// Until when appends go under the lock of the space, because others append to it too.
    pub(super) contended_until: Option<Instant>,
}

/// Whether a worker must be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Queued {
    /// Yes: by the caller.
    StartWorker,
    /// No: one is at work.
    WorkerRuns,
}

impl Space {
    pub(super) fn new(id: SpaceId) -> Self {
        Self {
            id,
            intake: Mutex::default(),
            view: watch::Sender::new(None),
            ring: Mutex::default(),
            signals: OnceLock::new(),
            checkpoint: LastCheckpoint::default(),
        }
    }

    /// Queues work; `None` if that would make more than `limit` bytes wait.
    pub(super) fn queue(&self, work: Work, limit: usize) -> Option<Queued> {
        let mut intake = self.intake();
        let bytes = work.bytes();
        if intake.queued_bytes + bytes > limit && bytes > 0 {
            return None;
        }
        intake.queued_bytes += bytes;
        intake.queue.push_back(work);
        let was_working = std::mem::replace(&mut intake.is_working, true);
        Some(match was_working {
            true => Queued::WorkerRuns,
            false => Queued::StartWorker,
        })
    }

    /// Takes the worker's things, at its start.
    pub(super) fn take_bench(&self) -> Bench {
        std::mem::take(&mut self.intake().rest)
    }

    /// Takes the next work that `is_wanted` accepts; else leaves it.
    pub(super) fn next_work(&self, is_wanted: impl FnOnce(&mut Work) -> bool) -> Option<Work> {
        let mut intake = self.intake();
        is_wanted(intake.queue.front_mut()?).then_some(())?;
        let work = intake.queue.pop_front()?;
        intake.queued_bytes -= work.bytes();
        Some(work)
    }

    /// Ends the worker if there is nothing to do; gives it its things back if there is.
    pub(super) fn rest(&self, bench: Bench) -> Option<Bench> {
        let mut intake = self.intake();
        if !intake.queue.is_empty() {
            return Some(bench);
        }
        intake.rest = bench;
        intake.is_working = false;
        None
    }

    /// Makes room for a new worker after one was cut short, without its things; `true` if there is work for it.
    pub(super) fn replace_worker(&self) -> bool {
        let mut intake = self.intake();
        intake.is_working = !intake.queue.is_empty();
        intake.is_working
    }

    /// The last committed end of the log, once the space is open.
    pub(super) fn view(&self) -> Option<View> {
        self.view.borrow().clone()
    }

    /// Hears of every new end.
    pub(super) fn watch(&self) -> watch::Receiver<Option<View>> {
        self.view.subscribe()
    }

    /// Whether anybody reads now.
    pub(super) fn has_readers(&self) -> bool {
        self.view.receiver_count() > 0
    }

    /// Adds committed pages for readers at the live edge; they see them with the next [`Self::show`].
    pub(super) fn extend_tail(&self, pages: Vec<Page>) {
        let mut ring = self.ring();
        pages.into_iter().for_each(|page| ring.push(page));
    }

    /// Shows a committed end of the log.
    pub(super) fn show(&self, view: View) {
        self.view.send_replace(Some(view));
    }

    /// Pages from memory after the place `after`, up to the place `up_to`.
    pub(super) fn tail(&self, after: u64, up_to: u64, max_bytes: usize) -> Vec<Page> {
        self.ring().after(after, up_to, max_bytes)
    }

    /// Drops pages from memory, up to a place or all.
    pub(super) fn shorten_tail(&self, up_to: Option<u64>) {
        match up_to {
            Some(seq) => self.ring().drop_up_to(seq),
            None => self.ring().clear(),
        }
    }

    /// Where signals go; made for the first who asks.
    pub(super) fn signals(&self, capacity: usize) -> &broadcast::Sender<Arc<LiveSignal>> {
        self.signals.get_or_init(|| broadcast::Sender::new(capacity))
    }

    /// Whether anybody hears signals now.
    pub(super) fn has_signal_subscribers(&self) -> bool {
        self.signals
            .get()
            .is_some_and(|signals| signals.receiver_count() > 0)
    }

    fn intake(&self) -> MutexGuard<'_, Intake> {
        self.intake
            .lock()
            .expect("no code panics while it holds this lock")
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().expect("no code panics while it holds this lock")
    }
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(submission) => submission.bytes(),
            Self::Heal(healing) => healing.bytes(),
            Self::Sync(_) => 0,
        }
    }
}
