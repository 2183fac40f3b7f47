//! What others can check, too: that the relay signed one log for this device and let another one stand.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use sealpost_protocol::VERSION;
use sealpost_protocol::checkpoint::Checkpoint;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::{ParsedEvent, without_ciphertext};
use sealpost_protocol::evidence;
use sealpost_protocol::ids::EventId;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::evidence::Other;
use sealpost_protocol::wire::{self, Page, SignedCheckpoint};
use tokio::time::{sleep, timeout};

use super::core::SpaceCore;
use crate::client::{Client, Shared};
use crate::error::{Alarm, Error};
use crate::store::log::Evidence;

/// How long an alarm waits for the relay to sign what it has shown.
const SIGNED_WITHIN: Duration = Duration::from_secs(5);
/// A relay signs for a space no more often.
const SIGNED_EVERY: Duration = Duration::from_secs(1);

/// Entries between two places that are proven to differ: their ids fit a file of evidence.
const MOST_ENTRIES: u64 = 1 << 20;

/// The log that the relay shows this device, from a place on, and its word for the end of it.
struct Shown {
    from: Cursor,
    event_ids: Vec<EventId>,
    signed: SignedCheckpoint,
}

impl Shared {
    /// The key that the relay signs checkpoints with, as it named it first.
    pub(crate) async fn checkpoint_key(&self) -> Result<PublicKey, Error> {
        let origin = self.config.relay.origin();
        let known = origin.clone();
        let pinned = self.store.read(move |store| store.checkpoint_key(&known)).await?;
        let key = match pinned {
            Some(key) => key,
            None => {
                let named = self.api.info().await?.checkpoint_key.0;
                let named = named[..].try_into().map_err(|_| malformed())?;
                self.store
                    .write(move |store| store.pin_checkpoint_key(&origin, &named))
                    .await?
            }
        };
        PublicKey::parse(&key).map_err(|_| malformed())
    }
}

fn malformed() -> Error {
    Error::alarm("the relay's checkpoint key is malformed")
}

impl SpaceCore {
    /// The relay's word on where the log ends, in the life that it says it is in.
    pub(super) async fn fetch_checkpoint(&self) -> Result<(SignedCheckpoint, Checkpoint), Error> {
        let key = self.client.checkpoint_key().await?;
        let signed = self.socket.fetch_checkpoint(&self.space_id).await?;
        let checkpoint = Checkpoint::verify(&signed, &key);
        let checkpoint = checkpoint.map_err(|error| Alarm::new(error.to_string()))?;
        if checkpoint.space_id != self.space_id || self.life() != Some(checkpoint.incarnation) {
            return Err(Error::alarm(
                "the relay signed a checkpoint of another space or life",
            ));
        }
        Ok((signed, checkpoint))
    }
}

/// That the relay has signed another log for somebody; `None` where it does not sign what it has shown here.
pub(super) async fn of_checkpoint(
    core: &SpaceCore,
    other: &SignedCheckpoint,
    seq: u64,
) -> Option<wire::Evidence> {
    let shown = timeout(SIGNED_WITHIN, shown_from(core, seq)).await;
    let other = Other::Checkpoint(other.clone());
    evidence_of(core, tell(shown)?, other).await
}

async fn shown_from(core: &SpaceCore, seq: u64) -> Result<Shown, Error> {
    let (signed, checkpoint) = signed_within(core, seq, seq.saturating_add(MOST_ENTRIES)).await?;
    let end = checkpoint.at.seq;
    core.wait_for(end).await?;
    let known = core.read(move |log| Ok((log.root_at(seq)?, log.event_ids(seq, end)?)));
    let (root, event_ids) = known.await?;
    let root = root.ok_or_else(|| Error::usage("the place is before this member's time"))?;
    shown_until(Cursor { seq, root }, event_ids, signed, &checkpoint)
}

/// That the relay serves an event whose author had seen another log; `None` if there is none in the page, or if the relay does not sign what
/// it has just shown.
pub(crate) async fn of_page(core: &SpaceCore, page: &Page) -> Option<wire::Evidence> {
    let begin = core.progress().borrow().cursor;
    if page.first_seq != begin.seq + 1 {
        return None;
    }
    let ids: Vec<EventId> = page.entries.iter().map_while(id_of).collect();
    let (place, seen, event) = find_seen(core, page, begin, &ids).await?;
    let last = (begin.seq + ids.len() as u64).min(seen.saturating_add(MOST_ENTRIES));
    let signing = timeout(SIGNED_WITHIN, signed_within(core, place, last));
    let (signed, checkpoint) = tell(signing.await)?;
    let behind = checkpoint.at.seq - begin.seq;
    let known = core.read(move |log| Ok((log.root_at(seen)?, log.event_ids(seen, begin.seq)?)));
    let (root, mut event_ids) = known.await.ok()?;
    let from = Cursor {
        seq: seen,
        root: root?,
    };
    event_ids.extend_from_slice(&ids[..usize::try_from(behind).ok()?]);
    let shown = shown_until(from, event_ids, signed, &checkpoint).ok()?;
    evidence_of(core, shown, Other::Event(event)).await
}

/// A checkpoint at the place or behind it, and not beyond `last`.
async fn signed_within(
    core: &SpaceCore,
    place: u64,
    last: u64,
) -> Result<(SignedCheckpoint, Checkpoint), Error> {
    loop {
        let (signed, checkpoint) = core.fetch_checkpoint().await?;
        if checkpoint.at.seq > last {
            return Err(Error::usage("the log goes on too far behind the place"));
        }
        if checkpoint.at.seq >= place {
            return Ok((signed, checkpoint));
        }
        // The last one, from before.
        sleep(SIGNED_EVERY).await;
    }
}

/// The first event of the page that is by a member who had seen another root than the own log has: its place, the place that its author
/// had seen, and what proves that.
async fn find_seen(
    core: &SpaceCore,
    page: &Page,
    begin: Cursor,
    ids: &[EventId],
) -> Option<(u64, u64, wire::SeenEvent)> {
    for (entry, place) in page.entries.iter().zip(begin.seq + 1..).take(ids.len()) {
        let Some(Kind::Event(event)) = &entry.kind else {
            continue;
        };
        let Ok(parsed) = ParsedEvent::parse(event) else {
            return None;
        };
        let seen = parsed.header.seen;
        if seen.seq > begin.seq {
            continue;
        }
        let own = core.read(move |log| log.root_at(seen.seq)).await.ok()?;
        if own.is_none_or(|own| own == seen.root) {
            continue;
        }
        let author = parsed.header.principal_id;
        let manifest = core.with_fold(|fold| {
            let member = fold.chain().member(&author);
            member.map(|member| member.manifest.clone())
        });
        let manifest = manifest.await.ok()??;
        parsed.verify(manifest.signing_key()).ok()?;
        let seen_event = wire::SeenEvent {
            manifest: manifest.bytes().clone(),
            event: Some(without_ciphertext(event)),
        };
        return Some((place, seen.seq, seen_event));
    }
    None
}

fn id_of(entry: &wire::Entry) -> Option<EventId> {
    match entry.kind.as_ref()? {
        Kind::Event(event) => ParsedEvent::parse(event).ok().map(|event| event.id()),
        Kind::Control(record) => ParsedControl::parse(record).ok().map(|record| record.id()),
    }
}

fn shown_until(
    from: Cursor,
    event_ids: Vec<EventId>,
    signed: SignedCheckpoint,
    checkpoint: &Checkpoint,
) -> Result<Shown, Error> {
    let end = event_ids.iter().fold(from, |at, id| at.after(id));
    if end != checkpoint.at {
        return Err(Error::alarm("the relay signs another log than it serves"));
    }
    Ok(Shown {
        from,
        event_ids,
        signed,
    })
}

async fn evidence_of(core: &SpaceCore, shown: Shown, other: Other) -> Option<wire::Evidence> {
    let key = core.client.checkpoint_key().await.ok()?;
    Some(wire::Evidence {
        version: VERSION,
        origin: core.client.config.relay.origin(),
        checkpoint_key: Bytes::copy_from_slice(key.as_bytes()),
        shown: Some(shown.signed),
        root: shown.from.root.to_bytes(),
        event_ids: shown.event_ids.iter().map(EventId::to_bytes).collect(),
        other: Some(other),
        // When and why, whoever keeps it says.
        ..wire::Evidence::default()
    })
}

fn tell<T>(outcome: Result<Result<T, Error>, tokio::time::error::Elapsed>) -> Option<T> {
    match outcome {
        Ok(Ok(found)) => Some(found),
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "what an alarm is about cannot be proven to others");
            None
        }
        Err(_elapsed) => {
            tracing::warn!(
                "the relay does not sign what it has shown, so that the alarm cannot be proven to others"
            );
            None
        }
    }
}

impl Client {
    /// A file by which anybody can check, without this device and without the relay, that the relay signed two logs as one; signed
    /// by this principal. `None` where the evidence proves nothing to others.
    ///
    /// # Errors
    /// [`Error::Store`] if what was kept is damaged.
    pub fn export_evidence(&self, evidence: &Evidence) -> Result<Option<Bytes>, Error> {
        let Some(proof) = &evidence.proof else {
            return Ok(None);
        };
        let proof = wire::Evidence::decode(proof.clone());
        let proof = proof.map_err(|_| Error::usage("the kept evidence does not decode"))?;
        let identity = &self.shared().identity;
        let file = evidence::export(&proof, identity.manifest(), identity.signing_key());
        Ok(Some(file))
    }
}
