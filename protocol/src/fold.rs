//! The fold of a whole log: place, root, control chain and writer chains, one entry at a time.
//!
//! The relay runs it before it appends, a client before it shows; both refuse the same entries for the same reasons.

use std::cmp::Ordering;

use crate::chain::{Capabilities, ChainError, ControlChain};
use crate::code::ErrorCode;
use crate::control::{ControlError, Link, ParsedControl};
use crate::event::{EventError, EventHeader, ParsedEvent, VerifiedEvent};
use crate::ids::{EventId, PrincipalId, Root, SpaceId};
use crate::keys::{KeyError, PublicKey};
use crate::resume::Resumption;
use crate::root::Cursor;
use crate::writer::{WriterChains, WriterPlace};

/// Why an entry cannot stand at the next place of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a well-formed event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Not a well-formed control record.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Does not continue the control chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The signature does not verify.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Belongs to another space.
    #[error("the entry belongs to another space")]
    OtherSpace,
    /// The author is no member.
    #[error("the author is not a member")]
    NotAMember,
    /// The author may not write.
    #[error("the author may not write")]
    NotPermitted,
    /// Sealed under another epoch than the current one.
    #[error("the current epoch is {current}")]
    StaleEpoch {
        /// The current epoch.
        current: u64,
    },
    /// Someone was removed and the new key is not there yet.
    #[error("the space waits for a rekey")]
    RekeyRequired,
    /// The space was deleted for good.
    #[error("the space was deleted")]
    Tombstoned,
    /// A resume record names a kept place that is not on this log, or a lost one that is.
    #[error("the record does not fit this log")]
    ResumeMismatch,
    /// The key id is not the current epoch's.
    #[error("the key id is not the current epoch's")]
    WrongKey,
    /// The control head the author knew is not in this chain.
    #[error("the author knew a control head that is not in this chain")]
    ControlHeadUnknown,
    /// The author saw another log.
    #[error("the author saw another log at seq {seq}")]
    SeenMismatch {
        /// The place the author named.
        seq: u64,
    },
    /// Breaks its writer's chain.
    #[error("the entry breaks its writer's chain: {0:?}")]
    Writer(WriterPlace),
}

impl Refusal {
    /// The stable code for this refusal.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Event(EventError::TooLarge { .. }) | Self::Control(ControlError::TooLarge { .. }) => {
                ErrorCode::TooLarge
            }
            Self::Event(_) | Self::Control(_) | Self::OtherSpace => ErrorCode::Malformed,
            Self::Chain(error) => chain_code(error),
            Self::Key(_) => ErrorCode::BadSignature,
            Self::NotAMember => ErrorCode::NotAMember,
            Self::NotPermitted => ErrorCode::NotPermitted,
            Self::StaleEpoch { .. } => ErrorCode::StaleEpoch,
            Self::RekeyRequired => ErrorCode::RekeyRequired,
            Self::Tombstoned => ErrorCode::Tombstoned,
            Self::ResumeMismatch => ErrorCode::ControlInvalid,
            Self::WrongKey => ErrorCode::WrongKey,
            Self::ControlHeadUnknown => ErrorCode::ControlConflict,
            Self::SeenMismatch { .. } => ErrorCode::SeenMismatch,
            Self::Writer(place) => writer_code(*place),
        }
    }
}

/// What a log says to an event that is well-formed and signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may take the next place.
    Fresh,
    /// It stands at this place already.
    Repeat {
        /// That place.
        seq: u64,
    },
}

/// Finds the root at an earlier place of the log.
pub trait Roots {
    /// The root at `seq`; `None` if this side does not know it.
    fn root_at(&self, seq: u64) -> Option<Root>;
}

impl<F: Fn(u64) -> Option<Root>> Roots for F {
    fn root_at(&self, seq: u64) -> Option<Root> {
        self(seq)
    }
}

/// Everything a log says at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceFold {
    cursor: Cursor,
    chain: ControlChain,
    writers: WriterChains,
}

impl SpaceFold {
    /// Starts a log from its genesis record, which takes place 1.
    ///
    /// # Errors
    /// [`Refusal`] if the record is no valid genesis record.
    pub fn from_genesis(record: &ParsedControl) -> Result<Self, Refusal> {
        let chain = ControlChain::from_genesis(record)?;
        let cursor = Cursor::start(&chain.space_id()).after(&record.id());
        Ok(Self {
            cursor,
            chain,
            writers: WriterChains::default(),
        })
    }

    /// A log at a later place, put together from a trusted snapshot.
    #[must_use]
    pub fn from_parts(cursor: Cursor, chain: ControlChain, writers: WriterChains) -> Self {
        Self {
            cursor,
            chain,
            writers,
        }
    }

    /// The key an event's signature must verify under.
    ///
    /// # Errors
    /// [`Refusal::NotAMember`] or [`Refusal::OtherSpace`].
    pub fn author_key(&self, header: &EventHeader) -> Result<PublicKey, Refusal> {
        if header.space_id != self.space_id() {
            return Err(Refusal::OtherSpace);
        }
        let member = self
            .chain
            .member(&header.principal_id)
            .ok_or(Refusal::NotAMember)?;
        Ok(*member.manifest.signing_key())
    }

    /// Parses and verifies an event against the members of this log.
    ///
    /// # Errors
    /// [`Refusal`] if it is malformed, forged, or not by a member.
    pub fn verify_event(&self, event: &crate::wire::SignedEvent) -> Result<VerifiedEvent, Refusal> {
        let parsed = ParsedEvent::parse(event)?;
        let author = self.author_key(&parsed.header)?;
        Ok(parsed.verify(&author)?)
    }

    /// Whether `event` may take the next place. Changes nothing.
    ///
    /// # Errors
    /// [`Refusal`] says why not.
    pub fn check_event(&self, event: &VerifiedEvent, roots: &impl Roots) -> Result<Verdict, Refusal> {
        let header = &event.header;
        self.author_key(header)?;
        let place = self.writers.place(header, &event.id());
        if let WriterPlace::Repeat { seq } = place {
            return Ok(Verdict::Repeat { seq });
        }
        self.check_rights(header)?;
        self.check_epoch(header)?;
        if place != WriterPlace::Next {
            return Err(Refusal::Writer(place));
        }
        self.check_seen(&header.seen, roots)?;
        Ok(Verdict::Fresh)
    }

    /// Appends an event for which [`Self::check_event`] said [`Verdict::Fresh`]; returns its cursor.
    pub fn append_event(&mut self, event: &VerifiedEvent) -> Cursor {
        self.cursor = self.cursor.after(&event.id());
        self.writers.append(&event.header, event.id(), self.cursor.seq);
        self.cursor
    }

    /// Appends a control record, or leaves the log as it is; returns its cursor.
    ///
    /// # Errors
    /// [`Refusal`] says which rule the record breaks.
    pub fn append_control(&mut self, record: &ParsedControl, roots: &impl Roots) -> Result<Cursor, Refusal> {
        let Link::Next { seen, .. } = record.link else {
            return Err(ChainError::Conflict.into());
        };
        self.check_seen(&seen, roots)?;
        self.check_resumption(record, roots)?;
        self.append_stored_control(record)
    }

    /// Appends a control record for who compared the places that it names with the log before it was stored.
    ///
    /// # Errors
    /// [`Refusal`] says which rule of the chain the record breaks.
    pub fn append_stored_control(&mut self, record: &ParsedControl) -> Result<Cursor, Refusal> {
        self.chain.append(record)?;
        self.cursor = self.cursor.after(&record.id());
        Ok(self.cursor)
    }

    /// Whether a control record stands in this log already, and at which control index.
    #[must_use]
    pub fn control_index_of(&self, record: &ParsedControl) -> Option<u64> {
        let index = match record.link {
            Link::Genesis => 1,
            Link::Next { control_index, .. } => control_index,
        };
        (self.chain.head_at(index) == Some(record.id())).then_some(index)
    }

    /// The space.
    #[must_use]
    pub fn space_id(&self) -> SpaceId {
        self.chain.space_id()
    }

    /// The last place and its root.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The control chain.
    #[must_use]
    pub fn chain(&self) -> &ControlChain {
        &self.chain
    }

    /// The writer chains.
    #[must_use]
    pub fn writers(&self) -> &WriterChains {
        &self.writers
    }

    /// Whether this principal is a member now.
    #[must_use]
    pub fn is_member(&self, id: &PrincipalId) -> bool {
        self.chain.member(id).is_some()
    }

    /// The kept place must be on this log, and the lost one not.
    fn check_resumption(&self, record: &ParsedControl, roots: &impl Roots) -> Result<(), Refusal> {
        let Some(resumption) = Resumption::of(record) else {
            return Ok(());
        };
        let (lost, kept) = (resumption.lost, resumption.kept);
        let fits = self.root_at(kept.seq, roots) == Some(kept.root)
            && self.root_at(lost.seq, roots) != Some(lost.root);
        fits.then_some(()).ok_or(Refusal::ResumeMismatch)
    }

    fn check_rights(&self, header: &EventHeader) -> Result<(), Refusal> {
        let member = self
            .chain
            .member(&header.principal_id)
            .ok_or(Refusal::NotAMember)?;
        if !member.capabilities.contains(Capabilities::WRITE) {
            return Err(Refusal::NotPermitted);
        }
        let known: Option<EventId> = self.chain.head_at(header.control_index);
        if known != Some(header.control_head) {
            return Err(Refusal::ControlHeadUnknown);
        }
        Ok(())
    }

    fn check_epoch(&self, header: &EventHeader) -> Result<(), Refusal> {
        if self.chain.is_tombstoned() {
            return Err(Refusal::Tombstoned);
        }
        let epoch = self.chain.epoch().ok_or(Refusal::RekeyRequired)?;
        if self.chain.waits_for_rekey() {
            return Err(Refusal::RekeyRequired);
        }
        if header.epoch != epoch.number {
            return Err(Refusal::StaleEpoch {
                current: epoch.number,
            });
        }
        if header.key_id != epoch.key_id {
            return Err(Refusal::WrongKey);
        }
        Ok(())
    }

    fn check_seen(&self, seen: &Cursor, roots: &impl Roots) -> Result<(), Refusal> {
        let is_on_log = self.root_at(seen.seq, roots) == Some(seen.root);
        is_on_log
            .then_some(())
            .ok_or(Refusal::SeenMismatch { seq: seen.seq })
    }

    fn root_at(&self, seq: u64, roots: &impl Roots) -> Option<Root> {
        match seq.cmp(&self.cursor.seq) {
            Ordering::Less => roots.root_at(seq),
            Ordering::Equal => Some(self.cursor.root),
            Ordering::Greater => None,
        }
    }
}

fn chain_code(error: &ChainError) -> ErrorCode {
    match error {
        ChainError::Conflict => ErrorCode::ControlConflict,
        ChainError::NotAMember => ErrorCode::NotAMember,
        ChainError::NotPermitted => ErrorCode::NotPermitted,
        ChainError::Signature(_) => ErrorCode::BadSignature,
        ChainError::RekeyRequired => ErrorCode::RekeyRequired,
        ChainError::InviteVoid => ErrorCode::InviteVoid,
        ChainError::Tombstoned => ErrorCode::Tombstoned,
        ChainError::Manifest(_) | ChainError::Rule(_) => ErrorCode::ControlInvalid,
    }
}

fn writer_code(place: WriterPlace) -> ErrorCode {
    match place {
        WriterPlace::Gap => ErrorCode::WriterGap,
        WriterPlace::TooManyWriters => ErrorCode::TooManyWriters,
        WriterPlace::SeenDecreased => ErrorCode::SeenMismatch,
        WriterPlace::Next | WriterPlace::Repeat { .. } | WriterPlace::Conflict => ErrorCode::WriterConflict,
    }
}

#[cfg(test)]
mod tests;
