//! What the worker of a space knows of it: the fold, and what the fold is kept with.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use sealpost_protocol::chain::ControlChain;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::fold::{Roots, SpaceFold};
use sealpost_protocol::ids::{AccountId, EventId, Root, SpaceId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::limits;
use sealpost_protocol::root::{Cursor, empty_root};
use sealpost_protocol::wire::entry::Kind;
use time::OffsetDateTime;

use super::page::PlacedEntry;
use super::ports::{EventRow, SpaceNumber, SpaceRow};
use super::row_cipher::RowCipher;
use super::view::{Membership, View};
use super::{EncodedEntry, LogError};
use crate::atrest::OpenDataKey;

/// Roots kept in memory for the check of `seen`; older ones are looked up.
const RECENT_ROOTS: usize = 4096;

/// A stored row that is not what was stored, or does not follow the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) seq: u64,
}

/// The log of one space, folded.
pub(super) struct Ledger {
    pub(super) number: SpaceNumber,
    pub(super) created_by: AccountId,
    pub(super) fold: SpaceFold,
    pub(super) roots: RecentRoots,
    pub(super) appended_bytes: u64,
    pub(super) dropped_bytes: u64,
    pub(super) since_snapshot: u64,
    /// Of `appended_bytes`, what the row of the space says, or is about to.
    pub(super) noted_bytes: u64,
    pub(super) restored_at: Option<OffsetDateTime>,
    /// Keys of the invites that were open at the backup which was restored. What revoked one may be lost, so nobody new joins by
    /// them.
    stale_invites: BTreeSet<[u8; limits::SIGNING_KEY]>,
    membership: Arc<Membership>,
    damaged: Option<Damaged>,
    /// The record that deleted the space, encoded.
    tombstone: Option<Bytes>,
}

impl Ledger {
    /// A log at the place that `fold` is at. `appended_bytes` are those up to there.
    pub(super) fn new(row: &SpaceRow, fold: SpaceFold, appended_bytes: u64) -> Self {
        Self {
            number: row.number,
            created_by: row.created_by,
            roots: RecentRoots::starting_at(fold.cursor()),
            membership: Arc::new(Membership::of(fold.chain(), &BTreeSet::new())),
            fold,
            appended_bytes,
            dropped_bytes: row.dropped_bytes,
            since_snapshot: 0,
            noted_bytes: row.appended_bytes,
            restored_at: row.restored_at,
            stale_invites: BTreeSet::new(),
            damaged: None,
            tombstone: row.tombstone.clone(),
        }
    }

    /// Folds the next stored row. Its author's signature was checked before it was stored.
    pub(super) fn apply(
        &mut self,
        cipher: &RowCipher,
        key: &OpenDataKey,
        row: EventRow,
    ) -> Result<PlacedEntry, Damaged> {
        let expected = self.fold.cursor().seq + 1;
        let damaged = Damaged { seq: expected };
        let (seq, root, bytes) = (row.seq, row.root, row.sealed.len());
        if seq != expected {
            return Err(damaged);
        }
        let encoded = cipher.open_entry(key, row).map_err(|_| damaged)?;
        let entry = StoredEntry::parse(&encoded).ok_or(damaged)?;
        if self.fold.cursor().after(&entry.id()).root != root {
            return Err(damaged);
        }
        self.fold_stored(entry).ok_or(damaged)?;
        self.note(bytes);
        Ok(PlacedEntry {
            at: self.fold.cursor(),
            encoded,
        })
    }

    /// Notes that an entry of so many sealed bytes was folded.
    pub(super) fn note(&mut self, sealed_bytes: usize) {
        self.roots.push(self.fold.cursor());
        self.appended_bytes += sealed_bytes as u64;
        self.since_snapshot += 1;
    }

    /// Notes that a record was folded: members, epoch, invites or policy may have changed.
    pub(super) fn note_control(&mut self, record: &ParsedControl) {
        if self.fold.chain().is_tombstoned() {
            self.tombstone = Some(record.to_wire().encode_to_vec().into());
        }
        self.tell_membership();
    }

    /// Notes which invites were open at the backup that was restored.
    pub(super) fn note_stale_invites(&mut self, chain: &ControlChain) {
        self.stale_invites = chain.invites().map(|invite| *invite.key.as_bytes()).collect();
        self.tell_membership();
    }

    /// That somebody may still join by this invite, as far as the restore goes.
    pub(super) fn check_not_stale(&self, invite: &PublicKey) -> Result<(), LogError> {
        let is_stale = self.stale_invites.contains(invite.as_bytes());
        (!is_stale).then_some(()).ok_or(LogError::InviteVoid)
    }

    fn tell_membership(&mut self) {
        self.membership = Arc::new(Membership::of(self.fold.chain(), &self.stale_invites));
    }

    /// Notes that the log cannot be read beyond the place it is folded to.
    pub(super) fn note_damage(&mut self, damaged: Damaged) {
        tracing::error!(
            space.number = self.number.0,
            entry.seq = damaged.seq,
            "a stored entry is damaged; its space can be read up to the entry before it"
        );
        self.damaged = Some(damaged);
    }

    /// Whether a stored row was found damaged.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.is_some()
    }

    /// The record that deleted the space, encoded.
    pub(super) fn tombstone(&self) -> Option<&Bytes> {
        self.tombstone.as_ref()
    }

    /// Whether something can be appended.
    pub(super) fn is_open(&self) -> bool {
        self.tombstone.is_none() && self.damaged.is_none()
    }

    /// Why nothing can be appended, where nothing can.
    pub(super) fn end(&self) -> Option<LogError> {
        if let Some(proof) = &self.tombstone {
            let proof = proof.clone();
            return Some(LogError::Tombstoned { proof });
        }
        self.damaged
            .map(|damaged| LogError::EntryDamaged { seq: damaged.seq })
    }

    /// What others may know.
    pub(super) fn view(&self) -> View {
        View {
            number: self.number,
            head: self.fold.cursor(),
            membership: Arc::clone(&self.membership),
            end: self.end(),
            restored_at: self.restored_at,
        }
    }

    /// Bytes stored now.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.appended_bytes.saturating_sub(self.dropped_bytes)
    }

    fn fold_stored(&mut self, entry: StoredEntry) -> Option<()> {
        match entry {
            StoredEntry::Event(event) => {
                self.fold.append_event(&event.verified_before());
            }
            StoredEntry::Control(record) => {
                self.fold.append_stored_control(&record).ok()?;
                self.note_control(&record);
            }
        }
        Some(())
    }
}

/// An entry that was checked before it was stored.
pub(super) enum StoredEntry {
    Event(ParsedEvent),
    Control(ParsedControl),
}

impl StoredEntry {
    /// The entry in these bytes, if they are one.
    pub(super) fn parse(encoded: &EncodedEntry) -> Option<Self> {
        match encoded.decode()?.kind? {
            Kind::Event(event) => ParsedEvent::parse(&event).ok().map(Self::Event),
            Kind::Control(control) => ParsedControl::parse(&control).ok().map(Self::Control),
        }
    }

    fn id(&self) -> EventId {
        match self {
            Self::Event(event) => event.id(),
            Self::Control(record) => record.id(),
        }
    }
}

/// The last roots of a log.
pub(super) struct RecentRoots {
    last_seq: u64,
    roots: VecDeque<Root>,
}

impl RecentRoots {
    fn starting_at(cursor: Cursor) -> Self {
        Self {
            last_seq: cursor.seq,
            roots: VecDeque::from([cursor.root]),
        }
    }

    fn push(&mut self, cursor: Cursor) {
        if self.roots.len() == RECENT_ROOTS {
            self.roots.pop_front();
        }
        self.roots.push_back(cursor.root);
        self.last_seq = cursor.seq;
    }

    /// Whether the root at `seq` is recent, and will be when so many entries more have come.
    pub(super) fn outlasts(&self, seq: u64, entries: usize) -> bool {
        let back = usize::try_from(self.last_seq.saturating_sub(seq)).unwrap_or(usize::MAX);
        self.at(seq).is_some() && back.saturating_add(entries) < RECENT_ROOTS
    }

    /// The root at `seq`, if it is recent.
    pub(super) fn at(&self, seq: u64) -> Option<Root> {
        let back = usize::try_from(self.last_seq.checked_sub(seq)?).ok()?;
        let at = self.roots.len().checked_sub(back + 1)?;
        self.roots.get(at).copied()
    }
}

/// All roots that one round of work may ask for: the recent ones, and older ones looked up before.
pub(super) struct KnownRoots<'a> {
    recent: &'a RecentRoots,
    older: &'a HashMap<u64, Root>,
    space_id: SpaceId,
}

impl<'a> KnownRoots<'a> {
    pub(super) fn new(recent: &'a RecentRoots, older: &'a HashMap<u64, Root>, space_id: SpaceId) -> Self {
        Self {
            recent,
            older,
            space_id,
        }
    }
}

impl Roots for KnownRoots<'_> {
    fn root_at(&self, seq: u64) -> Option<Root> {
        if seq == 0 {
            return Some(empty_root(&self.space_id));
        }
        self.recent.at(seq).or_else(|| self.older.get(&seq).copied())
    }
}
