//! What of a worker's work a lane does by itself: what waits for nothing but the commit.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;

use super::append::{First, Fold, Setback, has_control, older_seen};
use super::{Worker, call};
use crate::log::lanes::Outcome;
use crate::log::page::PlacedEntry;
use crate::log::plan::{Plan, PlannedAck, PlannedVerdict, Planner, Room};
use crate::log::ports::{Append, Appended};
use crate::log::shared::Shared;
use crate::log::space::Space;
use crate::log::submission::Pending;

/// Submissions that were judged on a lane and are being committed.
pub(in crate::log) struct Round {
    worker: Worker,
    batch: Vec<Pending>,
    entries: Vec<PlacedEntry>,
    verdicts: Vec<PlannedVerdict>,
    bytes: u64,
}

impl Round {
    /// Judges what is ready in a space that was listed. `None` if there is nothing to commit, or if a task of the space goes on
    /// with it because it may have to wait.
    pub(in crate::log) fn begin(shared: &Arc<Shared>, space: Arc<Space>) -> Option<(Self, Append)> {
        let mut worker = Worker::take(Arc::clone(shared), space);
        let mut batch = Vec::new();
        worker.gather(&mut batch);
        let Some(plan) = worker.plan_at_once(&batch) else {
            worker.start(Some((batch, First::Judge)));
            return None;
        };
        if !plan.is_plain() {
            worker.start(Some((batch, First::Planned(Box::new(plan)))));
            return None;
        }
        let bytes = plan.append.bytes() as u64;
        let round = Self {
            worker,
            batch,
            entries: plan.entries,
            verdicts: plan.verdicts,
            bytes,
        };
        if plan.append.events.is_empty() {
            round.answer();
            return None;
        }
        Some((round, plan.append))
    }

    /// Takes note of what became of it.
    pub(in crate::log) fn finish(mut self, outcome: Outcome) {
        let setback = match outcome {
            Ok(Appended::Committed) => {
                self.worker.note_committed(&self.entries, self.bytes);
                return self.answer();
            }
            Ok(Appended::Lost) => Setback::Lost,
            Err(failed) => Setback::of_lane(failed),
        };
        // The fold has the entries already. Kept, it would call them repeats of what nobody has stored.
        self.worker.bench.ledger = None;
        self.worker.start(Some((self.batch, First::Failed(setback))));
    }

    fn answer(mut self) {
        let worker = &mut self.worker;
        // With its last answer a relay that drains might end before what follows.
        let _at_work = worker.shared.work.token();
        // A submission that was not answered in this poll, which cannot be, is told `internal` by its drop.
        let _ = worker
            .settle(&mut self.batch, self.verdicts, Fold::IsFresh)
            .now_or_never();
        worker.keep_snapshot();
        worker.keep_usage();
        let wanted = worker.rest();
        call(&worker.shared, &worker.space, wanted);
    }
}

impl Worker {
    /// A plan for content, if all that it takes is in memory.
    fn plan_at_once(&mut self, batch: &[Pending]) -> Option<Plan> {
        if batch.is_empty() || batch.iter().any(has_control) {
            return None;
        }
        let shared = &self.shared;
        let ledger = self.bench.ledger.as_mut()?;
        let stored = ledger.stored_bytes();
        let is_full = stored >= shared.limits.bytes_per_space;
        if is_full || !older_seen(ledger, batch).is_empty() {
            return None;
        }
        let key = shared.held_space_key(ledger.number)?;
        // Without it nothing could be acked afterwards.
        shared.receipts.known()?;
        let usage = shared.quotas.known(ledger.created_by)?;
        let room = Room::of(&shared.limits, stored, usage.bytes);
        let planner = Planner::new(shared, ledger, &key, room, HashMap::new());
        let planned = planner.plan(batch).now_or_never().and_then(Result::ok);
        if planned.is_none() {
            // Some of it may have been folded already.
            self.bench.ledger = None;
        }
        planned
    }
}

impl Plan {
    /// Whether every entry was taken, so that nothing has to be looked up for the answers.
    fn is_plain(&self) -> bool {
        let is_plain = |verdict: &PlannedVerdict| {
            let mut acks = verdict.acks.iter();
            verdict.refusal.is_none() && acks.all(|ack| matches!(ack, PlannedAck::Placed(_)))
        };
        self.verdicts.iter().all(is_plain)
    }
}
