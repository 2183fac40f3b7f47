//! One space in memory: a queue of work, the worker's things while it rests, and what readers share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use sealpost_protocol::ids::{PrincipalId, SpaceId};
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

/// A space. All work on its log is done by one worker at a time, which exists only while there is some.
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

/// Who is to work on a space now; the caller sees to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Wanted {
    /// Nobody: there is nothing to do yet, or somebody is at it.
    Nobody,
    /// Its lane: what is next can be appended there.
    Lane,
    /// A task of its own: what is next may have to wait.
    Task,
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
    pub(super) fn queue(&self, work: Work, limit: usize) -> Option<Wanted> {
        let mut intake = self.intake();
        let bytes = work.bytes();
        if intake.queued_bytes + bytes > limit && bytes > 0 {
            return None;
        }
        intake.queued_bytes += bytes;
        intake.queue.push_back(work);
        Some(intake.call())
    }

    /// To be called when a submission that was queued has been checked.
    pub(super) fn checked(&self) -> Wanted {
        self.intake().call()
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

    /// Ends a worker, which leaves its things behind.
    pub(super) fn rest(&self, bench: Bench) -> Wanted {
        let mut intake = self.intake();
        intake.rest = bench;
        intake.is_working = false;
        intake.call()
    }

    /// The last committed end of the log, once the space is open.
    pub(super) fn view(&self) -> Option<View> {
        self.view.borrow().clone()
    }

    /// Whether `principal` is a member, as far as memory knows.
    pub(super) fn is_known_member(&self, principal: &PrincipalId) -> bool {
        let view = self.view.borrow();
        view.as_ref()
            .is_some_and(|view| view.membership.contains(principal))
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

impl Intake {
    /// Who is to work now. What is appended to a space that is open waits for nobody before it is checked.
    fn call(&mut self) -> Wanted {
        if self.is_working {
            return Wanted::Nobody;
        }
        let wanted = match self.queue.front_mut() {
            None => Wanted::Nobody,
            Some(Work::Append(submission)) if self.rest.is_ready() => match submission.poll_checked() {
                true => Wanted::Lane,
                false => Wanted::Nobody,
            },
            Some(_) => Wanted::Task,
        };
        self.is_working = wanted != Wanted::Nobody;
        wanted
    }
}

impl Bench {
    /// Whether entries can be appended to the log without looking at the database first.
    fn is_ready(&self) -> bool {
        let ledger = self.ledger.as_ref();
        ledger.is_some_and(|ledger| ledger.is_open()) && !self.is_contended()
    }

    /// Whether others append, too.
    pub(super) fn is_contended(&self) -> bool {
        self.contended_until.is_some_and(|until| Instant::now() < until)
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
