//! Appends a batch of submissions: judge, commit, answer; again when another relay was first.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use sealpost_protocol::ids::Root;
use tokio::time::Instant;

use super::{CONTENDED_FOR, Opened, Worker};
use crate::log::checked::{Checked, seen_by};
use crate::log::lanes::Failed;
use crate::log::ledger::Ledger;
use crate::log::page::PlacedEntry;
use crate::log::plan::{Plan, PlannedAck, PlannedVerdict, Planner, Room};
use crate::log::ports::{Append, Appended, ControlEffects, LockedSpace, PreparedShred, Tombstone};
use crate::log::shared::{RETRY_SOON, store_failure};
use crate::log::shredding;
use crate::log::submission::Pending;
use crate::log::{Ack, LogError};
use crate::store_failure::StoreFailure;

/// How often a batch is judged anew before its submissions are told to come back.
pub(super) const MAX_ATTEMPTS: u32 = 8;

/// Why a batch must be judged anew, or refused.
pub(super) enum Setback {
    /// The log had grown, or another relay holds the lock of the space.
    Lost,
    /// Whether the batch was committed is unknown.
    Unknown,
    /// Nothing can be appended now.
    Refused(LogError),
}

impl<E: Into<LogError>> From<E> for Setback {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// How a batch is first tried.
pub(in crate::log) enum First {
    /// From the beginning.
    Judge,
    /// The fold has it already, by this plan.
    Planned(Box<Plan>),
    /// It was tried, and failed.
    Failed(Setback),
}

impl Setback {
    /// The setback of a commit that failed.
    pub(super) fn of_commit(failure: &StoreFailure) -> Self {
        match failure {
            StoreFailure::CommitUnknown(_) => {
                tracing::warn!("whether an append was committed is unknown; looking");
                Self::Unknown
            }
            failure => Self::Refused(store_failure(failure)),
        }
    }

    /// The setback of an append that has no outcome.
    pub(super) fn of_lane(failed: Failed) -> Self {
        match failed {
            Failed::Unknown => Self::Unknown,
            Failed::Refused(error) => Self::Refused(error),
        }
    }
}

/// Whether a refusal is final: the fold was compared with the database after the submission came in. A relay that is
/// behind must not refuse what the log allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    MayBeBehind,
    IsFresh,
}

impl Worker {
    /// Answers every submission of the batch.
    pub(super) async fn append(&mut self, mut batch: Vec<Pending>, first: First) {
        let mut fold = Fold::MayBeBehind;
        let mut next = first;
        for _ in 0..MAX_ATTEMPTS {
            let attempt = match std::mem::replace(&mut next, First::Judge) {
                First::Judge => self.attempt(&mut batch, fold).await,
                First::Planned(plan) => self.conclude(&mut batch, *plan, None, fold).await,
                First::Failed(setback) => Err(setback),
            };
            match attempt {
                Ok(_) if batch.is_empty() => {
                    self.keep_snapshot();
                    return self.keep_usage();
                }
                Ok(now) => fold = now,
                Err(Setback::Refused(error)) => return self.refuse(batch, &error),
                Err(setback) => self.note_loss(&setback),
            }
        }
        let retry_after = RETRY_SOON;
        self.refuse(batch, &LogError::Overloaded { retry_after });
    }

    /// Judges and commits once; leaves in the batch what must be judged again.
    async fn attempt(&mut self, batch: &mut Vec<Pending>, mut fold: Fold) -> Result<Fold, Setback> {
        if self.open_or_create(batch).await? == Opened::Now {
            fold = Fold::IsFresh;
        }
        let mut lock = None;
        if self.bench.is_contended() || batch.iter().any(has_control) {
            lock = Some(self.lock().await?);
            self.catch_up().await?;
            fold = Fold::IsFresh;
        }
        let plan = self.plan(batch).await?;
        self.conclude(batch, plan, lock, fold).await
    }

    /// Commits a plan for the batch and answers; leaves in the batch what must be judged again.
    async fn conclude(
        &mut self,
        batch: &mut Vec<Pending>,
        plan: Plan,
        lock: Option<Box<dyn LockedSpace>>,
        mut fold: Fold,
    ) -> Result<Fold, Setback> {
        let verdicts = match plan.entries.is_empty() {
            true => plan.verdicts,
            false => {
                // What is appended by comparison was judged by the whole log.
                fold = Fold::IsFresh;
                self.commit(plan, lock).await?
            }
        };
        self.settle(batch, verdicts, fold).await;
        if !batch.is_empty() {
            self.catch_up().await?;
        }
        Ok(Fold::IsFresh)
    }

    pub(super) async fn lock(&self) -> Result<Box<dyn LockedSpace>, Setback> {
        let number = self.ledger()?.number;
        Ok(self.shared.store.lock(number).await?)
    }

    async fn plan(&mut self, batch: &[Pending]) -> Result<Plan, Setback> {
        let Some(ledger) = self.bench.ledger.as_mut() else {
            return Err(LogError::Internal.into());
        };
        if let Some(end) = ledger.end() {
            return Err(end.into());
        }
        self.shared.refresh_dropped(self.space.id, ledger).await?;
        let key = self.shared.space_key(ledger.number).await?;
        // Without it nothing could be acked afterwards.
        self.shared.receipt_key().await?;
        let usage = self
            .shared
            .quotas
            .usage(&*self.shared.store, ledger.created_by)
            .await?;
        let room = Room::of(&self.shared.limits, ledger.stored_bytes(), usage.bytes);
        let older = older_seen(ledger, batch);
        let older = self.shared.store.roots(ledger.number, &older).await?;
        let older: HashMap<u64, Root> = older.into_iter().map(|at| (at.seq, at.root)).collect();
        let planner = Planner::new(&self.shared, ledger, &key, room, older);
        let planned = planner.plan(batch).await;
        if planned.is_err() {
            // Some of it may have been folded already.
            self.bench.ledger = None;
        }
        Ok(planned?)
    }

    /// Commits a plan and tells of it; returns what the fold said to each submission.
    pub(super) async fn commit(
        &mut self,
        plan: Plan,
        lock: Option<Box<dyn LockedSpace>>,
    ) -> Result<Vec<PlannedVerdict>, Setback> {
        let bytes = plan.append.bytes() as u64;
        let shred = match self.store_noted(plan.append, &plan.effects, lock).await {
            Ok(shred) => shred,
            Err(setback) => {
                // The fold has the plan already. Kept, it would call these entries repeats of what nobody has stored.
                self.bench.ledger = None;
                return Err(setback);
            }
        };
        self.note_committed(&plan.entries, bytes);
        if let Some(record) = plan.effects.tombstone {
            self.shred(record, shred).await?;
        }
        Ok(plan.verdicts)
    }

    /// Counts entries that were committed, and tells of them.
    pub(super) fn note_committed(&mut self, entries: &[PlacedEntry], bytes: u64) {
        if let Some(ledger) = &self.bench.ledger {
            self.shared.quotas.add(ledger.created_by, 0, bytes);
        }
        self.publish(entries);
    }

    /// Stores a plan. That a space is deleted is written down before: what could not be remembered must not be done.
    async fn store_noted(
        &self,
        append: Append,
        effects: &ControlEffects,
        lock: Option<Box<dyn LockedSpace>>,
    ) -> Result<Option<Box<dyn PreparedShred>>, Setback> {
        let prepared = match &effects.tombstone {
            Some(record) => self.shared.prepare_shred(&self.space.id, record).await?,
            None => None,
        };
        self.store(append, effects, lock).await?;
        Ok(prepared)
    }

    /// The deletion is remembered before it is acked. If that fails all the same, it is not acked, and a job makes up for it.
    async fn shred(&self, record: Bytes, prepared: Option<Box<dyn PreparedShred>>) -> Result<(), LogError> {
        shredding::keep(prepared).await?;
        let tombstone = Tombstone {
            number: self.ledger()?.number,
            space_id: self.space.id,
            record,
        };
        let shared = Arc::clone(&self.shared);
        self.shared.work.spawn(async move {
            if let Err(error) = shared.shred(&tombstone).await {
                tracing::warn!(error = %error, "the rows of a deleted space will be deleted later");
            }
        });
        Ok(())
    }

    async fn store(
        &self,
        append: Append,
        effects: &ControlEffects,
        lock: Option<Box<dyn LockedSpace>>,
    ) -> Result<(), Setback> {
        let outcome = match lock {
            Some(lock) => lock
                .append(&append, effects)
                .await
                .map_err(|failure| Setback::of_commit(&failure))?,
            None => {
                let outcome = self.shared.lanes.append(&self.space.id, append).await;
                outcome.map_err(Setback::of_lane)?
            }
        };
        match outcome {
            Appended::Committed => Ok(()),
            Appended::Lost => Err(Setback::Lost),
        }
    }

    /// Notes the acks and answers the submissions that are done or finally refused. Waits for nothing where every entry has just
    /// taken its place.
    pub(super) async fn settle(&self, batch: &mut Vec<Pending>, verdicts: Vec<PlannedVerdict>, fold: Fold) {
        let mut left = Vec::new();
        for (mut pending, verdict) in batch.drain(..).zip(verdicts) {
            match self.note_acks(&mut pending, verdict.acks).await {
                Ok(()) if verdict.refusal.is_some() && fold == Fold::MayBeBehind => left.push(pending),
                Ok(()) => pending.answer(verdict.refusal, &*self.shared.observer),
                Err(error) => pending.answer(Some(error), &*self.shared.observer),
            }
        }
        *batch = left;
    }

    /// An entry whose ack fails is refused although it is stored; sent again, it gets its ack as a repeat.
    async fn note_acks(&self, pending: &mut Pending, acks: Vec<PlannedAck>) -> Result<(), LogError> {
        for planned in acks {
            pending.outcome.acks.push(self.ack(planned).await?);
        }
        Ok(())
    }

    pub(super) async fn ack(&self, planned: PlannedAck) -> Result<Ack, LogError> {
        let (number, store) = (self.ledger()?.number, &self.shared.store);
        let (cursor, duplicate) = match planned {
            PlannedAck::Placed(cursor) => (Some(cursor), false),
            PlannedAck::Repeated(seq) => (store.roots(number, &[seq]).await?.pop(), true),
            PlannedAck::RepeatedControl(index) => (store.control_place(number, index).await?, true),
        };
        let cursor = cursor.ok_or(LogError::Internal)?;
        let receipt = self.shared.receipt_key().await?.issue(&self.space.id, &cursor);
        Ok(Ack {
            cursor,
            receipt,
            duplicate,
        })
    }

    pub(super) fn ledger(&self) -> Result<&Ledger, LogError> {
        self.bench.ledger.as_deref().ok_or(LogError::Internal)
    }

    /// The fold was dropped, or never was, because of this; it will be made anew.
    pub(super) fn note_loss(&mut self, setback: &Setback) {
        self.shared.observer.append_lost();
        if matches!(setback, Setback::Lost) {
            self.bench.contended_until = Some(Instant::now() + CONTENDED_FOR);
        }
    }

    fn refuse(&self, batch: Vec<Pending>, error: &LogError) {
        for pending in batch {
            pending.answer(Some(error.clone()), &*self.shared.observer);
        }
    }
}

pub(super) fn has_control(pending: &Pending) -> bool {
    let is_control = |(entry, _): &(Checked, _)| matches!(entry, Checked::Control(_));
    pending.open_entries().iter().any(is_control)
}

/// Places that authors say they saw and whose roots are not in memory.
pub(super) fn older_seen(ledger: &Ledger, batch: &[Pending]) -> Vec<u64> {
    let entries = batch.iter().flat_map(Pending::open_entries);
    let seen = entries.filter_map(|(entry, _)| match entry {
        Checked::Event(event) => Some(event.header.seen.seq),
        Checked::Control(record) => seen_by(record),
    });
    let planned = batch.iter().map(|pending| pending.open_entries().len()).sum();
    older_places(ledger, seen, planned)
}

/// Of places before the end those whose roots are not in memory, or not any more once so many entries are planned: each pushes
/// out the oldest root.
pub(super) fn older_places(ledger: &Ledger, places: impl Iterator<Item = u64>, planned: usize) -> Vec<u64> {
    let head = ledger.fold.cursor().seq;
    let older = places.filter(|seq| *seq > 0 && *seq < head && !ledger.roots.outlasts(*seq, planned));
    older.collect::<BTreeSet<u64>>().into_iter().collect()
}
