//! The worker of a space: appends what is queued, reads what others appended, one round after the other.
//!
//! It works on the lane of the space ([`Round`]) as long as nothing but a commit has to be waited for, else as a task.

mod append;
mod create;
mod heal;
mod round;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::LogError;
use super::ledger::Ledger;
use super::opening::{self, catch_up, is_snapshot_due, take_snapshot};
use super::page::PlacedEntry;
use super::ports::NewSnapshot;
use super::ring::{bytes_of, paged};
use super::shared::{RETRY_SOON, Shared};
use super::space::{Bench, Space, Sync, Wanted, Work};
use super::submission::Pending;
use super::view::View;
use crate::atrest::KeyScope;
use crate::bus::Hint;

use self::append::First;
pub(super) use self::round::Round;

/// For how long after a lost append the lock of the space is taken first.
const CONTENDED_FOR: Duration = Duration::from_secs(2);
/// Entries that are judged in one round.
const ROUND_ENTRIES: usize = 512;
/// Bytes that are judged in one round.
const ROUND_BYTES: usize = 1 << 20;
/// Appended bytes after which the row of the space is told.
const NOTED_EVERY: u64 = 1 << 20;

/// Queues work for a space and sees to it that a worker does it.
pub(super) fn queue(shared: &Arc<Shared>, space: &Arc<Space>, work: Work) -> Result<(), LogError> {
    let limit = shared.limits.queued_bytes_per_space;
    let wanted = space.queue(work, limit).ok_or(LogError::Overloaded {
        retry_after: RETRY_SOON,
    })?;
    call(shared, space, wanted);
    Ok(())
}

/// Sees to it that who is wanted works on a space.
pub(super) fn call(shared: &Arc<Shared>, space: &Arc<Space>, wanted: Wanted) {
    match wanted {
        Wanted::Nobody => {}
        Wanted::Lane => shared.lanes.list(Arc::clone(space)),
        Wanted::Task => Worker::take(Arc::clone(shared), Arc::clone(space)).start(None),
    }
}

struct Worker {
    shared: Arc<Shared>,
    space: Arc<Space>,
    bench: Bench,
}

impl Drop for Worker {
    /// After a panic another worker goes on, and opens the space anew. (A worker that is dropped while its runtime ends
    /// must not start one: that would be dropped too.)
    fn drop(&mut self) {
        if thread::panicking() {
            call(&self.shared, &self.space, self.space.rest(Bench::default()));
        }
    }
}

impl Worker {
    /// The worker of a space, which calls for one.
    fn take(shared: Arc<Shared>, space: Arc<Space>) -> Self {
        Self {
            bench: space.take_bench(),
            shared,
            space,
        }
    }

    /// Works as a task: first on what the lane has begun, or else on what is next.
    fn start(self, begun: Option<(Vec<Pending>, First)>) {
        let tracker = self.shared.work.clone();
        tracker.spawn(self.run(begun));
    }

    /// Goes on until the lane can, or until there is nothing to do.
    async fn run(mut self, begun: Option<(Vec<Pending>, First)>) {
        match begun {
            Some((batch, first)) => self.append(batch, first).await,
            None => self.round().await,
        }
        loop {
            let wanted = self.rest();
            if wanted != Wanted::Task {
                call(&self.shared, &self.space, wanted);
                break;
            }
            self.bench = self.space.take_bench();
            self.round().await;
        }
        if self.space.view().is_none() {
            self.shared.spaces.forget(&self.space);
        }
    }

    fn rest(&mut self) -> Wanted {
        self.space.rest(std::mem::take(&mut self.bench))
    }

    async fn round(&mut self) {
        match self.space.next_work(|_| true) {
            None => {}
            Some(Work::Sync(sync)) => self.sync_all(sync).await,
            Some(Work::Heal(healing)) => self.heal(healing).await,
            Some(Work::Append(submission)) => {
                let mut batch = vec![submission.checked().await];
                self.gather(&mut batch);
                self.append(batch, First::Judge).await;
            }
        }
    }

    /// One look at the database for all who ask next to each other: it begins after each of them asked.
    async fn sync_all(&mut self, first: Sync) {
        let mut syncs = vec![first];
        while let Some(Work::Sync(next)) = self.space.next_work(|work| matches!(work, Work::Sync(_))) {
            syncs.push(next);
        }
        let outcome = self.sync(syncs.iter().any(|sync| sync.reopen)).await;
        for sync in syncs {
            // Whoever asked may be gone.
            let _ = sync.reply.send(outcome.clone());
        }
    }

    /// Adds the submissions that are next in the queue and checked by now, up to the size of a round.
    fn gather(&mut self, batch: &mut Vec<Pending>) {
        let mut bytes = 0;
        let mut entries: usize = batch.iter().map(|pending| pending.checked.entries.len()).sum();
        while entries < ROUND_ENTRIES && bytes < ROUND_BYTES {
            let is_ready = |work: &mut Work| match work {
                Work::Append(submission) => submission.poll_checked(),
                Work::Heal(_) | Work::Sync(_) => false,
            };
            let Some(Work::Append(submission)) = self.space.next_work(is_ready) else {
                return;
            };
            bytes += submission.bytes();
            let pending = submission.into_pending();
            entries += pending.checked.entries.len();
            batch.push(pending);
        }
    }

    async fn sync(&mut self, reopen: bool) -> Result<(), LogError> {
        if reopen {
            self.bench.ledger = None;
        }
        if self.open().await? == Opened::Now {
            return Ok(());
        }
        match self.catch_up().await {
            Ok(true) => {
                self.forget_key_of_the_deleted();
                Ok(())
            }
            outcome => self.look_for_tombstone().await.and(outcome.map(drop)),
        }
    }

    fn forget_key_of_the_deleted(&self) {
        let ledger = self.bench.ledger.as_ref();
        if let Some(ledger) = ledger.filter(|ledger| ledger.tombstone().is_some()) {
            self.shared.data_keys.forget(KeyScope::Space(ledger.number.0));
        }
    }

    /// Nothing new, or nothing readable: that is how it looks, too, when another relay has deleted the space.
    async fn look_for_tombstone(&mut self) -> Result<(), LogError> {
        let row = self.shared.store.find(&self.space.id).await?;
        match row.and_then(|row| row.tombstone) {
            Some(proof) => Err(self.end(LogError::Tombstoned { proof })),
            None => Ok(()),
        }
    }

    /// Tells readers that the space is no more.
    fn end(&mut self, error: LogError) -> LogError {
        self.bench.ledger = None;
        if let Some(view) = self.space.view() {
            self.shared.data_keys.forget(KeyScope::Space(view.number.0));
            let end = Some(error.clone());
            self.space.show(View { end, ..view });
        }
        error
    }

    /// Opens the space if it is not open, or if it was found damaged, because it may have been repaired.
    async fn open(&mut self) -> Result<Opened, LogError> {
        if self
            .bench
            .ledger
            .as_ref()
            .is_some_and(|ledger| !ledger.is_damaged())
        {
            return Ok(Opened::Before);
        }
        self.bench.ledger = None;
        let ledger = match opening::open(&self.shared, self.space.id).await {
            Err(error @ LogError::Tombstoned { .. }) => return Err(self.end(error)),
            ledger => ledger?,
        };
        let ledger = ledger.ok_or(LogError::NotAMember)?;
        // The log may have been taken back: what is in memory may be of another one.
        self.space.shorten_tail(None);
        self.space.show(ledger.view());
        self.bench.ledger = Some(ledger);
        Ok(Opened::Now)
    }

    /// Folds what others appended, and shows it to readers; returns whether there was anything.
    async fn catch_up(&mut self) -> Result<bool, LogError> {
        let mut was_behind = false;
        loop {
            let ledger = self.bench.ledger.as_mut().ok_or(LogError::Internal)?;
            let key = self.shared.space_key(ledger.number).await?;
            let entries = catch_up(&self.shared, ledger, &key).await?;
            let view = ledger.view();
            let is_done = entries.is_empty();
            self.extend_tail(&entries);
            self.space.show(view);
            if is_done {
                return Ok(was_behind);
            }
            was_behind = true;
        }
    }

    /// Puts committed entries into memory where somebody reads them. Without the key of receipts they are read from the database.
    fn extend_tail(&self, entries: &[PlacedEntry]) {
        let Some(last) = entries.last().filter(|_| self.space.has_readers()) else {
            return;
        };
        let Some(key) = self.shared.receipts.known() else {
            return;
        };
        let pages = paged(entries, |at| key.issue(&self.space.id, at));
        let bytes = pages.iter().map(bytes_of).sum();
        self.space.extend_tail(pages);
        self.shared.tail.charge(&self.space, last.at.seq, bytes);
    }

    /// Tells readers here and relays elsewhere of entries that were committed.
    fn publish(&mut self, entries: &[PlacedEntry]) {
        let Some(ledger) = &self.bench.ledger else {
            return;
        };
        let view = ledger.view();
        let hint = Hint {
            space_id: self.space.id,
            head: view.head.seq,
        };
        self.extend_tail(entries);
        self.space.show(view);
        self.shared.bus.announce(hint);
    }

    /// Stores a snapshot beside the work, if one is due. One that fails is made up for by the next.
    fn keep_snapshot(&mut self) {
        let every = self.shared.limits.snapshot_every;
        let due = |ledger: &&mut Box<Ledger>| ledger.tombstone().is_none() && is_snapshot_due(every, ledger);
        let Some(ledger) = self.bench.ledger.as_mut().filter(due) else {
            return;
        };
        let Some(key) = self.shared.held_space_key(ledger.number) else {
            return;
        };
        let (space, at, snapshot) = take_snapshot(ledger);
        let appended_bytes = ledger.appended_bytes;
        let shared = Arc::clone(&self.shared);
        self.shared.work.spawn(async move {
            let encoded = prost::Message::encode_to_vec(&snapshot);
            let row = NewSnapshot {
                space,
                at,
                data_key_id: key.id(),
                sealed: shared.cipher.seal_snapshot(&key, &at, &encoded),
                appended_bytes,
                taken_at: shared.clock.now(),
            };
            if let Err(failure) = shared.store.put_snapshot(&row).await {
                let cause = &failure as &dyn std::error::Error;
                tracing::warn!(error = cause, space.number = space.0, "a snapshot was not stored");
            }
        });
    }

    /// Notes beside the work what the space uses, every now and then: what pays for it is summed up over all spaces.
    fn keep_usage(&mut self) {
        let due = |ledger: &&mut Box<Ledger>| ledger.appended_bytes >= ledger.noted_bytes + NOTED_EVERY;
        let Some(ledger) = self.bench.ledger.as_mut().filter(due) else {
            return;
        };
        ledger.noted_bytes = ledger.appended_bytes;
        let (space, bytes) = (ledger.number, ledger.appended_bytes);
        let shared = Arc::clone(&self.shared);
        self.shared.work.spawn(async move {
            if let Err(failure) = shared.store.note_appended(space, bytes).await {
                let cause = &failure as &dyn std::error::Error;
                tracing::warn!(
                    error = cause,
                    space.number = space.0,
                    "the size of a space was not noted"
                );
            }
        });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    /// The space was read just now.
    Now,
    /// It was open, and may be behind the database.
    Before,
}
