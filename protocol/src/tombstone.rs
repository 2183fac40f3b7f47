//! The proof that a space was deleted: its tombstone record, which outlives it.

use crate::chain::{Capabilities, ControlChain};
use crate::control::{ControlError, Link, ParsedControl};
use crate::keys::KeyError;
use crate::wire::{self, control_record::Body};

/// Why a tombstone proves nothing to a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TombstoneError {
    /// Not a well-formed record.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// No tombstone, or of another space or chain.
    #[error("the record is no tombstone of this space")]
    Other,
    /// Its author has no `manage`, as far as this client has read the chain.
    #[error("the record's author is not known to this client as a manager of the space")]
    NotByAManager,
    /// Not by its author.
    #[error(transparent)]
    Signature(#[from] KeyError),
}

/// Checks the tombstone that a relay shows in place of a space, against the chain as far as this client has verified it.
///
/// A client that has read all of the chain but the tombstone gets certainty. One that is behind learns that somebody who was a
/// manager then wanted it; what came in between is gone for good.
///
/// # Errors
/// [`TombstoneError`]: the client keeps what it has and says that the relay refuses the space without proof.
pub fn check_tombstone(proof: &wire::SignedControl, chain: &ControlChain) -> Result<(), TombstoneError> {
    let record = ParsedControl::parse(proof)?;
    if record.body != Body::Tombstone(wire::Tombstone {}) || record.space_id() != chain.space_id() {
        return Err(TombstoneError::Other);
    }
    if !may_follow(&record, chain) {
        return Err(TombstoneError::Other);
    }
    let author = chain.member(&record.author);
    let manager = author.filter(|author| author.may(Capabilities::MANAGE));
    let manager = manager.ok_or(TombstoneError::NotByAManager)?;
    Ok(record.verify(manager.manifest.signing_key())?)
}

/// Whether the record is the chain's last one, comes right after that, or later.
fn may_follow(record: &ParsedControl, chain: &ControlChain) -> bool {
    let Link::Next {
        control_index,
        previous_head,
        ..
    } = record.link
    else {
        return false;
    };
    match control_index.checked_sub(chain.index()) {
        None => false,
        Some(0) => record.id() == chain.head(),
        Some(1) => previous_head == chain.head(),
        Some(_) => true,
    }
}
