//! What a round of work would append: entries judged by the fold, sealed, not yet committed.

mod heal;

use std::collections::{BTreeSet, HashMap};

use sealpost_protocol::chain::ControlChain;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::VerifiedEvent;
use sealpost_protocol::fold::{Refusal, Verdict};
use sealpost_protocol::ids::{PrincipalId, Root};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;

pub(super) use heal::seen_of;

use super::carried_wraps::carried_wrap;
use super::checked::Checked;
use super::ledger::{KnownRoots, Ledger};
use super::page::PlacedEntry;
use super::ports::{Append, ControlEffects, NamedWraps, NewEvent};
use super::shared::Shared;
use super::submission::Pending;
use super::view::check_not_expired;
use super::wrap_check::named_wraps;
use super::{EncodedEntry, LogError, LogLimits};
use crate::atrest::OpenDataKey;

/// Entries for the end of a log. The ledger has folded them already: it must be dropped if they are not committed.
pub(super) struct Plan {
    pub(super) append: Append,
    pub(super) effects: ControlEffects,
    /// The same entries, for readers.
    pub(super) entries: Vec<PlacedEntry>,
    /// For each pending submission.
    pub(super) verdicts: Vec<PlannedVerdict>,
}

/// What the fold says to one submission.
#[derive(Default)]
pub(super) struct PlannedVerdict {
    pub(super) acks: Vec<PlannedAck>,
    pub(super) refusal: Option<LogError>,
}

/// What an entry will be acked with, once the plan is committed.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlannedAck {
    /// It takes this place.
    Placed(Cursor),
    /// It stands at this place already.
    Repeated(u64),
    /// It is the control record with this index already.
    RepeatedControl(u64),
}

/// Judges entries one after the other.
pub(super) struct Planner<'a> {
    shared: &'a Shared,
    ledger: &'a mut Ledger,
    key: &'a OpenDataKey,
    older_roots: HashMap<u64, Root>,
    /// Bytes that may still be appended.
    room: Room,
    plan: Plan,
}

/// What is left of the quotas, in bytes, and the quota that is the tightest.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) bytes: u64,
    pub(super) quota: u64,
}

impl<'a> Planner<'a> {
    /// A planner for the end that `ledger` is at.
    pub(super) fn new(
        shared: &'a Shared,
        ledger: &'a mut Ledger,
        key: &'a OpenDataKey,
        room: Room,
        older_roots: HashMap<u64, Root>,
    ) -> Self {
        let append = Append {
            space: ledger.number,
            after: ledger.fold.cursor(),
            events: Vec::new(),
            data_key_id: key.id(),
            stored_at: shared.clock.now(),
        };
        let plan = Plan {
            append,
            effects: ControlEffects::default(),
            entries: Vec::new(),
            verdicts: Vec::new(),
        };
        Self {
            shared,
            ledger,
            key,
            older_roots,
            room,
            plan,
        }
    }

    /// Plans what is not yet acked of each submission, up to its first refused entry. Waits for nothing where there are no control
    /// records.
    pub(super) async fn plan(mut self, batch: &[Pending]) -> Result<Plan, LogError> {
        for pending in batch {
            let verdict = self.judge(pending).await?;
            self.plan.verdicts.push(verdict);
        }
        Ok(self.plan)
    }

    async fn judge(&mut self, pending: &Pending) -> Result<PlannedVerdict, LogError> {
        let mut verdict = PlannedVerdict::default();
        for (entry, encoded) in pending.open_entries() {
            let planned = match entry {
                Checked::Event(event) => self.event(event, encoded),
                Checked::Control(record) => self.control(&pending.author.principal, record, encoded).await?,
            };
            match planned {
                Ok(ack) => verdict.acks.push(ack),
                Err(refusal) => {
                    verdict.refusal = Some(refusal);
                    break;
                }
            }
        }
        Ok(verdict)
    }

    fn event(&mut self, event: &VerifiedEvent, encoded: &EncodedEntry) -> Result<PlannedAck, LogError> {
        let roots = KnownRoots::new(&self.ledger.roots, &self.older_roots, self.ledger.fold.space_id());
        if let Verdict::Repeat { seq } = self.ledger.fold.check_event(event, &roots)? {
            return Ok(PlannedAck::Repeated(seq));
        }
        self.check_takes_new()?;
        self.room.take(encoded)?;
        self.ledger.fold.append_event(event);
        Ok(PlannedAck::Placed(self.place(encoded, None)))
    }

    /// The outer error ends the round, the inner one is the submission's.
    async fn control(
        &mut self,
        author: &PrincipalId,
        record: &ParsedControl,
        encoded: &EncodedEntry,
    ) -> Result<Result<PlannedAck, LogError>, LogError> {
        let fold = &self.ledger.fold;
        // Also of an author who is no member since that record.
        if let Some(index) = fold.control_index_of(record) {
            return Ok(Ok(PlannedAck::RepeatedControl(index)));
        }
        let refused = self.check_may_speak(author, record).err();
        if let Some(refusal) = refused.or_else(|| self.check_takes_new().err()) {
            return Ok(Err(refusal));
        }
        let next_seq = fold.cursor().seq + 1;
        let named = named_wraps(
            &*self.shared.store,
            self.ledger.number,
            fold.chain(),
            record,
            next_seq,
        )
        .await?;
        Ok(self
            .fold_control(record, named)
            .map(|index| PlannedAck::Placed(self.place(encoded, Some(index)))))
    }

    /// After a restore healers come first.
    fn check_takes_new(&self) -> Result<(), LogError> {
        match self.shared.recovers_for(self.ledger.restored_at) {
            Some(retry_after) => Err(LogError::Recovering { retry_after }),
            None => Ok(()),
        }
    }

    /// Members speak here, and who holds an invite that has not expired.
    fn check_may_speak(&self, author: &PrincipalId, record: &ParsedControl) -> Result<(), LogError> {
        let fold = &self.ledger.fold;
        let Body::AcceptInvite(accept) = &record.body else {
            let is_member = fold.is_member(author);
            return is_member.then_some(()).ok_or(LogError::NotAMember);
        };
        let key = PublicKey::parse(&accept.invite_key).map_err(Refusal::from)?;
        self.ledger.check_not_stale(&key)?;
        let expires_at_s = fold.chain().invite(&key).map_or(0, |invite| invite.expires_at_s);
        check_not_expired(expires_at_s, self.shared.now_s())
    }

    /// Folds a record; returns its control index.
    fn fold_control(
        &mut self,
        record: &ParsedControl,
        named: Option<Vec<NamedWraps>>,
    ) -> Result<u64, LogError> {
        let Some(named) = named else {
            // If the chain refuses the record too, that is the better answer.
            let refused = self.ledger.fold.chain().clone().append(record).err();
            return Err(refused.map_or(LogError::WrapsMismatch, |error| Refusal::from(error).into()));
        };
        let before = ChainBefore::of(self.ledger.fold.chain());
        let space_id = self.ledger.fold.space_id();
        let roots = KnownRoots::new(&self.ledger.roots, &self.older_roots, space_id);
        self.ledger.fold.append_control(record, &roots)?;
        self.ledger.note_control(record);
        let chain = self.ledger.fold.chain();
        let by_seq = self.ledger.fold.cursor().seq;
        let carried = carried_wrap(&self.shared.cipher, self.key, chain, record, by_seq);
        before.note_changes(chain, &mut self.plan.effects);
        self.plan.effects.named_wraps.extend(named);
        self.plan.effects.carried_wraps.extend(carried);
        self.plan.effects.tombstone = self.ledger.tombstone().cloned();
        Ok(chain.index())
    }

    /// Seals the entry that was folded last and puts it into the plan.
    fn place(&mut self, encoded: &EncodedEntry, control_index: Option<u64>) -> Cursor {
        let at = self.ledger.fold.cursor();
        let sealed = self.shared.cipher.seal_entry(self.key, &at, 0, encoded);
        self.ledger.note(sealed.len());
        self.plan.append.events.push(NewEvent {
            seq: at.seq,
            root: at.root,
            control_index,
            sealed,
        });
        self.plan.entries.push(PlacedEntry {
            at,
            encoded: encoded.clone(),
        });
        at
    }
}

impl Room {
    /// What is left for a space that stores `stored` bytes and whose payer stores `account` bytes.
    pub(super) fn of(limits: &LogLimits, stored: u64, account: u64) -> Self {
        let of_space = Self {
            bytes: limits.bytes_per_space.saturating_sub(stored),
            quota: limits.bytes_per_space,
        };
        let of_account = Self {
            bytes: limits.bytes_per_account.saturating_sub(account),
            quota: limits.bytes_per_account,
        };
        if of_space.bytes < of_account.bytes {
            of_space
        } else {
            of_account
        }
    }

    fn take(&mut self, encoded: &EncodedEntry) -> Result<(), LogError> {
        let limit = self.quota;
        let left = self.bytes.checked_sub(encoded.as_bytes().len() as u64);
        self.bytes = left.ok_or(LogError::QuotaExceeded { limit })?;
        Ok(())
    }
}

/// What a control record may change.
struct ChainBefore {
    members: BTreeSet<PrincipalId>,
    retention_seconds: u64,
}

impl ChainBefore {
    fn of(chain: &ControlChain) -> Self {
        Self {
            members: chain.members().map(|member| member.manifest.id()).collect(),
            retention_seconds: chain.policy().retention_seconds,
        }
    }

    fn note_changes(self, chain: &ControlChain, effects: &mut ControlEffects) {
        let after = Self::of(chain);
        effects.note_members(&self.members, &after.members);
        if after.retention_seconds != self.retention_seconds {
            effects.retention_seconds = Some(after.retention_seconds);
        }
    }
}

impl ControlEffects {
    /// Of several changes to one principal the last counts.
    fn note_members(&mut self, before: &BTreeSet<PrincipalId>, after: &BTreeSet<PrincipalId>) {
        for joined in after.difference(before) {
            self.left.retain(|id| id != joined);
            self.joined.push(*joined);
        }
        for left in before.difference(after) {
            self.joined.retain(|id| id != left);
            self.left.push(*left);
        }
    }
}
