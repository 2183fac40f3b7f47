//! What a restored relay does not know of the files that a healed tail refers to.
//!
//! A relay never learns of references from the log, which it cannot read: members tell it. What was told after the backup it has
//! forgotten with the log's tail, so who brings the tail back tells it again.

use sealpost_protocol::blob::{BlobReference, REFERENCE_TYPE};
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::wire::entry::Kind;

use super::reference::note_in;
use crate::content::open_content;
use crate::error::Error;
use crate::space::core::SpaceCore;
use crate::store::log::StoredEntry;

/// Entries read from the store at once, at most.
const BATCH_ENTRIES: usize = 256;
/// Bytes read from the store at once, about.
const BATCH_BYTES: usize = 1024 * 1024;

/// Tells the relay again which events behind a place refer to which files, as far as this device can read them. Returns how many
/// files the relay knows nothing of: they were put after the backup.
pub(crate) async fn note_again(core: &SpaceCore, behind: u64, until: u64) -> Result<u64, Error> {
    let (mut after, mut unknown, mut closed) = (behind, 0, None);
    while after < until {
        let batch = core.read(move |log| log.entries_after(after, BATCH_ENTRIES, BATCH_BYTES));
        let batch = batch.await?;
        let Some(last) = batch.last() else { break };
        after = last.place.at.seq;
        for entry in batch.iter().filter(|entry| entry.place.at.seq <= until) {
            for reference in references_of(core, entry, &mut closed).await? {
                match note_in(core, &reference, entry.place.at.seq).await {
                    Err(error) if error.code() == Some(ErrorCode::NotFound) => unknown += 1,
                    noted => noted?,
                }
            }
        }
    }
    Ok(unknown)
}

/// The files that an event refers to. What this device cannot open, somebody else may; `closed` is an epoch that it has no key of.
async fn references_of(
    core: &SpaceCore,
    entry: &StoredEntry,
    closed: &mut Option<u64>,
) -> Result<Vec<BlobReference>, Error> {
    let Some(event) = event_of(entry).filter(|event| *closed != Some(event.header.epoch)) else {
        return Ok(Vec::new());
    };
    let Some(key) = core.epoch_key(event.header.epoch).await? else {
        *closed = Some(event.header.epoch);
        return Ok(Vec::new());
    };
    let Ok(Some(content)) = open_content(&key, &event) else {
        return Ok(Vec::new());
    };
    let messages = content.messages.iter();
    let files = messages.filter(|message| message.content_type == REFERENCE_TYPE);
    Ok(files
        .filter_map(|message| BlobReference::parse(&message.body).ok())
        .collect())
}

fn event_of(entry: &StoredEntry) -> Option<ParsedEvent> {
    match &entry.entry.kind {
        Some(Kind::Event(event)) => ParsedEvent::parse(event).ok(),
        _ => None,
    }
}
