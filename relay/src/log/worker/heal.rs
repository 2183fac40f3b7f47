//! Puts a tail back to its old places, under the lock of the space.

use std::collections::HashMap;

use sealpost_protocol::control::{Link, ParsedControl};
use sealpost_protocol::ids::{Root, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, entry::Kind};

use super::Worker;
use super::append::{MAX_ATTEMPTS, Setback, older_places};
use crate::log::healing::{Healing, Run};
use crate::log::plan::{Plan, Planner, Room, seen_of};
use crate::log::shared::RETRY_SOON;
use crate::log::submission::Author;
use crate::log::{EncodedEntry, LogError};

impl Worker {
    /// Answers a healer.
    pub(super) async fn heal(&mut self, healing: Healing) {
        let outcome = self.put_back(&healing).await;
        healing.answer(outcome);
    }

    async fn put_back(&mut self, healing: &Healing) -> Result<Cursor, LogError> {
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt_to_put_back(healing).await {
                Ok(reached) => {
                    self.keep_snapshot();
                    self.keep_usage();
                    return Ok(reached);
                }
                Err(Setback::Refused(error)) => return Err(error),
                Err(setback) => self.note_loss(&setback),
            }
        }
        let retry_after = RETRY_SOON;
        Err(LogError::Overloaded { retry_after })
    }

    async fn attempt_to_put_back(&mut self, healing: &Healing) -> Result<Cursor, Setback> {
        let run = &healing.run;
        if !self.open_or_make_again(healing).await? {
            return Ok(Cursor::start(&self.space.id));
        }
        let lock = self.lock().await?;
        self.catch_up().await?;
        let ledger = self.ledger()?;
        if let Some(end) = ledger.end() {
            return Err(end.into());
        }
        let (head, number) = (ledger.fold.cursor(), ledger.number);
        if head.seq >= run.end.seq {
            let there = self.shared.store.roots(number, &[run.end.seq]).await?;
            let is_there = there.first() == Some(&run.end);
            return is_there.then_some(run.end).ok_or(LogError::Superseded.into());
        }
        let Some(missing) = run.behind(head.seq) else {
            return Ok(head);
        };
        let plan = self.plan_run(missing, run).await?;
        let count = missing.len();
        self.commit(plan, Some(lock)).await?;
        self.shared.observer.tail_healed(count);
        tracing::info!(
            space.number = number.0,
            entries = count,
            "a tail that a restore took away is back"
        );
        Ok(run.end)
    }

    /// Whether the space is open. One that was made after the backup is made again from its genesis record.
    async fn open_or_make_again(&mut self, healing: &Healing) -> Result<bool, Setback> {
        match self.open().await {
            Err(LogError::NotAMember) => {}
            opened => return Ok(opened.map(|_| true)?),
        }
        let Some((record, encoded)) = genesis_of(&healing.run, &self.space.id) else {
            return Ok(false);
        };
        let author = Author {
            principal: record.author,
            ..healing.healer
        };
        if self.make(author, &record, &encoded).await?.is_none() {
            self.open().await?;
        }
        Ok(true)
    }

    /// Nothing of a plan stays folded that is not committed, or that does not lead to where the receipt says.
    async fn plan_run(&mut self, missing: &[wire::Entry], run: &Run) -> Result<Plan, Setback> {
        let planned = self.fold_run(missing).await;
        let reached = self.ledger()?.fold.cursor();
        if planned.is_err() || reached != run.end {
            self.bench.ledger = None;
        }
        let plan = planned?;
        (reached == run.end)
            .then_some(plan)
            .ok_or(LogError::ReceiptInvalid.into())
    }

    async fn fold_run(&mut self, missing: &[wire::Entry]) -> Result<Plan, LogError> {
        let Some(ledger) = self.bench.ledger.as_mut() else {
            return Err(LogError::Internal);
        };
        let key = self.shared.space_key(ledger.number).await?;
        let older = older_places(ledger, missing.iter().filter_map(seen_of), missing.len());
        let older = self.shared.store.roots(ledger.number, &older).await?;
        let older: HashMap<u64, Root> = older.into_iter().map(|at| (at.seq, at.root)).collect();
        // All of it had room before.
        let planner = Planner::new(&self.shared, ledger, &key, Room::ENDLESS, older);
        planner.plan_run(missing).await
    }
}

/// The genesis record that a run begins with, where it is the space's own.
fn genesis_of(run: &Run, space_id: &SpaceId) -> Option<(ParsedControl, EncodedEntry)> {
    let entry = run.behind(0)?.first()?;
    let Some(Kind::Control(control)) = &entry.kind else {
        return None;
    };
    let record = ParsedControl::parse(control).ok()?;
    let is_genesis = record.link == Link::Genesis && record.space_id() == *space_id;
    is_genesis.then(|| (record, EncodedEntry::encode(entry)))
}
