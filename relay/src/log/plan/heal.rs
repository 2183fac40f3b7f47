//! A run of entries by several authors, which stood at these places before: judged like new ones, but for what a restore took
//! away beside the log.

use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::fold::{Refusal, Verdict};
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{self, SignedEvent, entry::Kind};
use tokio::task::yield_now;

use super::{Plan, Planner, Room};
use crate::log::checked::seen_by;
use crate::log::ledger::KnownRoots;
use crate::log::wrap_check::named_wraps;
use crate::log::{EncodedEntry, LogError};

/// Signatures after which others have a turn.
const AT_ONCE: usize = 32;

impl Room {
    /// Of no quota.
    pub(in crate::log) const ENDLESS: Self = Self {
        bytes: u64::MAX,
        quota: u64::MAX,
    };
}

impl Planner<'_> {
    /// Plans a whole run, or refuses it.
    pub(in crate::log) async fn plan_run(mut self, run: &[wire::Entry]) -> Result<Plan, LogError> {
        let drops_contents = self.drops_contents(run);
        for (count, entry) in run.iter().enumerate() {
            match &entry.kind {
                Some(Kind::Event(event)) => self.put_back_event(event, entry, drops_contents)?,
                Some(Kind::Control(_)) => self.put_back_control(entry).await?,
                None => return Err(LogError::Malformed("an entry without a kind")),
            }
            if count % AT_ONCE == AT_ONCE - 1 {
                yield_now().await;
            }
        }
        Ok(self.plan)
    }

    /// Whether retention may have dropped the ciphertexts that are not there.
    fn drops_contents(&self, run: &[wire::Entry]) -> bool {
        let now = self.ledger.fold.chain().policy().retention_seconds > 0;
        now || run
            .iter()
            .filter_map(parsed_control)
            .any(|record| match record.body {
                Body::SetPolicy(set) => set.policy.is_some_and(|policy| policy.retention_seconds > 0),
                _ => false,
            })
    }

    fn put_back_event(
        &mut self,
        event: &SignedEvent,
        entry: &wire::Entry,
        drops_contents: bool,
    ) -> Result<(), LogError> {
        if event.ciphertext.is_empty() && !drops_contents {
            return Err(LogError::Malformed("an event without its ciphertext"));
        }
        let fold = &self.ledger.fold;
        let verified = fold.verify_event(event)?;
        let roots = KnownRoots::new(&self.ledger.roots, &self.older_roots, fold.space_id());
        if let Verdict::Repeat { .. } = fold.check_event(&verified, &roots)? {
            return Err(LogError::Malformed("an entry twice"));
        }
        self.ledger.fold.append_event(&verified);
        self.place(&EncodedEntry::encode(entry), None);
        Ok(())
    }

    /// The wraps that were staged for it may be gone; who lacks one asks the others. An invite was in time when it was accepted.
    async fn put_back_control(&mut self, entry: &wire::Entry) -> Result<(), LogError> {
        // Our own copy, because members' manifests stay in memory with the buffer they lie in.
        let encoded = EncodedEntry::encode(entry);
        let Some(Kind::Control(control)) = encoded.decode().and_then(|entry| entry.kind) else {
            return Err(LogError::Internal);
        };
        let record = ParsedControl::parse(&control).map_err(Refusal::from)?;
        let fold = &self.ledger.fold;
        if record.space_id() != fold.space_id() {
            return Err(Refusal::OtherSpace.into());
        }
        let (store, number, next_seq) = (&*self.shared.store, self.ledger.number, fold.cursor().seq + 1);
        let named = named_wraps(store, number, fold.chain(), &record, next_seq).await?;
        let index = self.fold_control(&record, Some(named.unwrap_or_default()))?;
        self.place(&encoded, Some(index));
        Ok(())
    }
}

/// How far the author of an entry had read, where that can be told.
pub(in crate::log) fn seen_of(entry: &wire::Entry) -> Option<u64> {
    match entry.kind.as_ref()? {
        Kind::Event(event) => Some(ParsedEvent::parse(event).ok()?.header.seen.seq),
        Kind::Control(_) => seen_by(&parsed_control(entry)?),
    }
}

fn parsed_control(entry: &wire::Entry) -> Option<ParsedControl> {
    match &entry.kind {
        Some(Kind::Control(control)) => ParsedControl::parse(control).ok(),
        _ => None,
    }
}
