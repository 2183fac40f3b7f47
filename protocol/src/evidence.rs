//! Evidence that a relay signed two logs as one. Whoever has the file can check it alone, and whoever made it signed all of it.

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::canonical::{NotCanonical, decode_canonical, encode};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::event::{EventError, ParsedEvent};
use crate::hash::Label;
use crate::ids::{EventId, IdError, PrincipalId, Root};
use crate::keys::{KeyError, PublicKey, sign};
use crate::manifest::{Manifest, ManifestError};
use crate::root::Cursor;
use crate::wire::evidence::Other;
use crate::{VERSION, limits, wire};

/// Why a file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Over the limit.
    #[error("the file is longer than evidence can be ({} bytes)", limits::MAX_EVIDENCE)]
    TooLarge,
    /// Has a second encoding or unknown fields.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Of a version this code does not know.
    #[error("evidence version {0} is not known; update this program")]
    Version(u32),
    /// A statement is missing.
    #[error("the file lacks a statement of the relay")]
    Incomplete,
    /// An id has the wrong length.
    #[error("in the file, {0}")]
    Id(#[from] IdError),
    /// A manifest does not hold.
    #[error("in the file, {0}")]
    Manifest(#[from] ManifestError),
    /// The file was changed since it was exported, or a key is none.
    #[error("the file is not as its exporter signed it: {0}")]
    Key(#[from] KeyError),
    /// A statement is not the relay's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The event is none.
    #[error("in the file's event, {0}")]
    Event(#[from] EventError),
    /// The two statements are about different logs, or lives of the relay.
    #[error("the statements are not about the same log")]
    Apart,
    /// The entries do not lead from the place to the root that the relay signed.
    #[error("the entries do not lead to the root that the relay signed")]
    Unconnected,
    /// Both statements can be true.
    #[error("the statements do not contradict each other")]
    Consistent,
}

/// What holds of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The relay's origin, as the exporter knew it.
    pub origin: String,
    /// The key under which the relay signed: compare it with the relay's.
    pub checkpoint_key: PublicKey,
    /// When the alarm was raised, in Unix milliseconds of the exporter's clock.
    pub at_ms: u64,
    /// The alarm's words.
    pub what: String,
    /// Who exported it.
    pub exporter: PrincipalId,
    /// The end of the log that the relay showed the exporter.
    pub shown: Checkpoint,
    /// A place of that log, and the root it has there.
    pub place: Cursor,
    /// The root that the relay signed, or let stand, at that place for somebody else.
    pub other_root: Root,
    /// Whose event says so; `None` where the relay's own checkpoint does.
    pub seen_by: Option<PrincipalId>,
}

/// Signs evidence for a file.
#[must_use]
pub fn export(evidence: &wire::Evidence, manifest: &Manifest, key: &SigningKey) -> Bytes {
    let evidence = encode(evidence);
    let signature = sign(key, Label::EVIDENCE, &[&evidence, manifest.bytes()]);
    encode(&wire::SignedEvidence {
        evidence,
        manifest: manifest.bytes().clone(),
        signature: Bytes::copy_from_slice(&signature),
    })
}

/// Checks a file. What it says then holds if the checkpoint key is the relay's.
///
/// # Errors
/// See [`EvidenceError`]: it proves nothing.
pub fn verify(file: &Bytes) -> Result<Verdict, EvidenceError> {
    if file.len() > limits::MAX_EVIDENCE {
        return Err(EvidenceError::TooLarge);
    }
    let signed: wire::SignedEvidence = decode_canonical(file)?;
    let exporter = Manifest::parse(&signed.manifest)?;
    exporter.signing_key().verify(
        Label::EVIDENCE,
        &[&signed.evidence, &signed.manifest],
        &signed.signature,
    )?;
    let evidence: wire::Evidence = decode_canonical(&signed.evidence)?;
    if evidence.version != VERSION {
        return Err(EvidenceError::Version(evidence.version));
    }
    judge(evidence, exporter.id())
}

fn judge(evidence: wire::Evidence, exporter: PrincipalId) -> Result<Verdict, EvidenceError> {
    let key = PublicKey::parse(&evidence.checkpoint_key)?;
    let shown = evidence.shown.as_ref().ok_or(EvidenceError::Incomplete)?;
    let shown = Checkpoint::verify(shown, &key)?;
    let entries = evidence.event_ids.iter().map(|id| EventId::try_from(&id[..]));
    let entries: Vec<EventId> = entries.collect::<Result<_, _>>()?;
    let seq = shown.at.seq.checked_sub(entries.len() as u64);
    let place = Cursor {
        seq: seq.ok_or(EvidenceError::Unconnected)?,
        root: Root::try_from(&evidence.root[..])?,
    };
    if entries.iter().fold(place, |at, id| at.after(id)) != shown.at {
        return Err(EvidenceError::Unconnected);
    }
    let (other, seen_by) = match evidence.other.ok_or(EvidenceError::Incomplete)? {
        Other::Checkpoint(other) => {
            let other = Checkpoint::verify(&other, &key)?;
            if (other.space_id, other.incarnation) != (shown.space_id, shown.incarnation) {
                return Err(EvidenceError::Apart);
            }
            (other.at, None)
        }
        Other::Event(event) => {
            let (seen, author) = seen_by_author(event, &shown, &entries)?;
            (seen, Some(author))
        }
    };
    if other.seq != place.seq {
        return Err(EvidenceError::Apart);
    }
    if other.root == place.root {
        return Err(EvidenceError::Consistent);
    }
    Ok(Verdict {
        origin: evidence.origin,
        checkpoint_key: key,
        at_ms: evidence.at_ms,
        what: evidence.what,
        exporter,
        shown,
        place,
        other_root: other.root,
        seen_by,
    })
}

/// What the author of an entry had seen. The relay checks that against its log before it takes an entry: one that it has in its log
/// and that contradicts it is of another log that it had.
fn seen_by_author(
    event: wire::SeenEvent,
    shown: &Checkpoint,
    entries: &[EventId],
) -> Result<(Cursor, PrincipalId), EvidenceError> {
    let author = Manifest::parse(&event.manifest)?;
    let event = ParsedEvent::parse(&event.event.ok_or(EvidenceError::Incomplete)?)?;
    let event = event.verify(author.signing_key())?;
    let header = &event.header;
    if header.principal_id != author.id()
        || header.space_id != shown.space_id
        || !entries.contains(&event.id())
    {
        return Err(EvidenceError::Apart);
    }
    Ok((header.seen, author.id()))
}

#[cfg(test)]
mod tests;
