//! A publish on its way through the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealpost_protocol::ids::{AccountId, PrincipalId};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::checked::{Checked, CheckedEntries};
use super::{EncodedEntry, LogError, ObserveLog, PublishOutcome};

/// Who publishes.
#[derive(Clone, Copy)]
pub(super) struct Author {
    pub(super) principal: PrincipalId,
    pub(super) account: AccountId,
}

/// Entries that wait for their signatures to be checked, and then for their turn.
pub(super) struct Submission {
    author: Author,
    received: Instant,
    checked: Checking,
    reply: oneshot::Sender<PublishOutcome>,
    charge: Charge,
    in_flight: TaskTrackerToken,
}

enum Checking {
    Running(oneshot::Receiver<CheckedEntries>),
    Done(CheckedEntries),
    Failed,
}

impl Submission {
    /// A submission whose entries are being checked; its outcome comes through the channel. It counts as work until it is
    /// answered.
    pub(super) fn new(
        author: Author,
        checked: oneshot::Receiver<CheckedEntries>,
        charge: Charge,
        in_flight: TaskTrackerToken,
    ) -> (Self, oneshot::Receiver<PublishOutcome>) {
        let (reply, outcome) = oneshot::channel();
        let submission = Self {
            author,
            received: Instant::now(),
            checked: Checking::Running(checked),
            reply,
            charge,
            in_flight,
        };
        (submission, outcome)
    }

    /// Its size, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.charge.bytes()
    }

    /// Whether its entries are checked by now.
    pub(super) fn poll_checked(&mut self) -> bool {
        use oneshot::error::TryRecvError;
        if let Checking::Running(receiver) = &mut self.checked {
            self.checked = match receiver.try_recv() {
                Ok(checked) => Checking::Done(checked),
                Err(TryRecvError::Closed) => Checking::Failed,
                Err(TryRecvError::Empty) => return false,
            };
        }
        true
    }

    /// Waits until its entries are checked.
    pub(super) async fn checked(mut self) -> Pending {
        if let Checking::Running(receiver) = &mut self.checked {
            self.checked = receiver.await.map_or(Checking::Failed, Checking::Done);
        }
        self.into_pending()
    }

    /// Its turn; its entries must have been checked by now.
    pub(super) fn into_pending(self) -> Pending {
        let checked = match self.checked {
            Checking::Done(checked) => checked,
            Checking::Running(_) | Checking::Failed => CheckedEntries {
                entries: Vec::new(),
                refusal: Some(LogError::Internal),
            },
        };
        Pending {
            author: self.author,
            received: self.received,
            checked,
            outcome: PublishOutcome::default(),
            reply: self.reply,
            _charge: self.charge,
            _in_flight: self.in_flight,
        }
    }
}

/// A submission whose turn it is.
pub(super) struct Pending {
    pub(super) author: Author,
    received: Instant,
    /// The entries that are well-formed, and why the one after them was refused.
    pub(super) checked: CheckedEntries,
    /// What is settled so far: `outcome.acks.len()` entries.
    pub(super) outcome: PublishOutcome,
    reply: oneshot::Sender<PublishOutcome>,
    _charge: Charge,
    _in_flight: TaskTrackerToken,
}

impl Pending {
    /// The well-formed entries that are not acked yet.
    pub(super) fn open_entries(&self) -> &[(Checked, EncodedEntry)] {
        &self.checked.entries[self.outcome.acks.len()..]
    }

    /// Answers. Whoever asked may be gone.
    pub(super) fn answer(mut self, refusal: Option<LogError>, observer: &dyn ObserveLog) {
        self.outcome.refusal = refusal.or(self.checked.refusal);
        let (acks, is_refused) = (self.outcome.acks.len(), self.outcome.refusal.is_some());
        observer.published(acks, is_refused, self.received.elapsed());
        let _ = self.reply.send(self.outcome);
    }
}

/// Bytes that wait in all spaces together.
#[derive(Clone)]
pub(super) struct QueueBudget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

/// A share of the budget, given back on drop.
pub(super) struct Charge {
    bytes: usize,
    used: Arc<AtomicUsize>,
}

impl QueueBudget {
    /// A budget of so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: Arc::default(),
        }
    }

    /// A share of so many bytes; `None` if that is more than is left.
    pub(super) fn charge(&self, bytes: usize) -> Option<Charge> {
        let charge = Charge {
            bytes,
            used: Arc::clone(&self.used),
        };
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        (before + bytes <= self.limit).then_some(charge)
    }

    /// Bytes that wait now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Charge {
    /// How much it is.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
