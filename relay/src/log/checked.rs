//! Entries that have been parsed and whose authors are known: what may be looked at under the fold.

use sealpost_protocol::control::{Link, ParsedControl};
use sealpost_protocol::event::{ParsedEvent, VerifiedEvent};
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::ids::{PrincipalId, SpaceId};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::wire::{self, entry::Kind};

use super::{EncodedEntry, LogError};

/// A well-formed entry by the principal who sent it.
pub(super) enum Checked {
    /// Content; its signature is checked.
    Event(Box<VerifiedEvent>),
    /// A control record; the fold checks its signature.
    Control(Box<ParsedControl>),
}

/// The entries of one publish, as far as they are well-formed.
pub(super) struct CheckedEntries {
    /// Each with its encoding, in order.
    pub(super) entries: Vec<(Checked, EncodedEntry)>,
    /// Why the next one was refused.
    pub(super) refusal: Option<LogError>,
}

/// For whom and where entries are checked.
#[derive(Clone, Copy)]
pub(super) struct Check {
    /// The space they are published to.
    pub(super) space_id: SpaceId,
    /// The principal of the socket.
    pub(super) principal_id: PrincipalId,
    /// Its key. A principal id is the hash of its key, so no fold need be asked.
    pub(super) signing_key: PublicKey,
}

impl Check {
    /// Parses entries and checks their signatures, up to the first bad one. Takes some 40 us each.
    pub(super) fn all(&self, entries: &[wire::Entry]) -> CheckedEntries {
        let mut checked = CheckedEntries {
            entries: Vec::with_capacity(entries.len()),
            refusal: None,
        };
        for entry in entries {
            match self.one(entry) {
                Ok(entry) => checked.entries.push(entry),
                Err(refusal) => {
                    checked.refusal = Some(refusal);
                    break;
                }
            }
        }
        checked
    }

    fn one(&self, entry: &wire::Entry) -> Result<(Checked, EncodedEntry), LogError> {
        let encoded = EncodedEntry::encode(entry);
        let checked = match &entry.kind {
            Some(Kind::Event(event)) => Checked::Event(Box::new(self.event(event)?)),
            Some(Kind::Control(_)) => Checked::Control(Box::new(self.control(&encoded)?)),
            None => return Err(LogError::Malformed("an entry without a kind")),
        };
        Ok((checked, encoded))
    }

    fn event(&self, event: &wire::SignedEvent) -> Result<VerifiedEvent, LogError> {
        let parsed = ParsedEvent::parse(event).map_err(Refusal::from)?;
        if parsed.ciphertext().is_none() {
            return Err(LogError::Malformed("an event without its ciphertext"));
        }
        if parsed.header.principal_id != self.principal_id {
            return Err(LogError::OtherAuthor);
        }
        if parsed.header.space_id != self.space_id {
            return Err(Refusal::OtherSpace.into());
        }
        Ok(parsed.verify(&self.signing_key).map_err(Refusal::from)?)
    }

    /// Parses our own copy, because members' manifests stay in memory with the buffer they lie in.
    fn control(&self, encoded: &EncodedEntry) -> Result<ParsedControl, LogError> {
        let Some(Kind::Control(control)) = encoded.decode().and_then(|entry| entry.kind) else {
            return Err(LogError::Internal);
        };
        let record = ParsedControl::parse(&control).map_err(Refusal::from)?;
        if record.author != self.principal_id {
            return Err(LogError::OtherAuthor);
        }
        if record.space_id() != self.space_id {
            return Err(Refusal::OtherSpace.into());
        }
        Ok(record)
    }
}

/// How far the author of a record had read.
pub(super) fn seen_by(record: &ParsedControl) -> Option<u64> {
    match record.link {
        Link::Genesis => None,
        Link::Next { seen, .. } => Some(seen.seq),
    }
}
