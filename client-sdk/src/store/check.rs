//! Whether a store is whole: the file, what is sealed in it, and the logs.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::ids::EventId;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::Entry;
use sealpost_protocol::wire::entry::Kind;

use super::log::{Place, SpaceLog, known_spaces};
use super::outbox::CREATION;
use super::{Store, StoreTransaction, file_error, remove_after_failure};
use crate::entropy;
use crate::error::{Error, StoreError};

/// Entries read at once, at most.
const BATCH_ENTRIES: usize = 256;
/// Bytes read at once, about.
const BATCH_BYTES: usize = 1024 * 1024;

/// What has to be free on the disk: the store's log of changes and its index grow by less at a time.
const ROOM: usize = 128 * 1024;
/// Lines that are told of a file that is damaged, where each of its pages may have one.
const TOLD: usize = 3;

/// What a store that is whole holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreReport {
    /// Spaces of which something was verified.
    pub spaces: u64,
    /// Verified entries of their logs, and of views that were set aside.
    pub entries: u64,
    /// Events that are signed and not acked.
    pub unacked: u64,
}

impl Store {
    /// Whether something can be written to the home: a store on a full disk can be read, and that is all.
    pub(crate) fn expect_room(home: &Path) -> Result<(), Error> {
        let name = hex::encode(entropy::draw::<8>(&mut entropy::system()));
        let probe = home.join(format!("probe.{name}"));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&probe)
            .and_then(|mut file| {
                file.write_all(&[0; ROOM])?;
                file.sync_all()
            });
        remove_after_failure(&probe);
        written.map_err(|source| file_error(&format!("writing {ROOM} bytes to"), home, source))
    }

    /// Reads everything, on one consistent view.
    pub(crate) async fn check(&self) -> Result<StoreReport, Error> {
        self.read(|store| {
            check_file(store)?;
            check_account(store)?;
            check_creations(store)?;
            let mut report = StoreReport::default();
            for space_id in known_spaces(store)? {
                let log = SpaceLog::find_or_empty(store, space_id)?;
                report.spaces += 1;
                report.entries += check_log(&log)?;
                report.unacked += log.unacked()?.len() as u64;
            }
            for aside in SpaceLog::all_set_aside(store)? {
                report.entries += check_log(&aside)?;
            }
            Ok(report)
        })
        .await
    }
}

fn check_file(store: &StoreTransaction<'_>) -> Result<(), Error> {
    let found: String = store
        .sql()
        .pragma_query_value(None, "quick_check", |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Corrupt(first_lines(&found)).into()),
    }
}

fn first_lines(found: &str) -> String {
    let mut lines = found.lines();
    let told: Vec<&str> = lines.by_ref().take(TOLD).collect();
    match lines.count() {
        0 => told.join("; "),
        more => format!("{}; and {more} more", told.join("; ")),
    }
}

fn check_account(store: &StoreTransaction<'_>) -> Result<(), Error> {
    store.account()?;
    for origin in store.known_relays()? {
        store.relay_pin(&origin)?;
    }
    store.contacts().map(drop)
}

/// Spaces that were begun and not finished: they open.
fn check_creations(store: &StoreTransaction<'_>) -> Result<(), Error> {
    let mut statement = store.sql().prepare("SELECT space_id, sealed FROM creation")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (space_id, sealed): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        store.open(CREATION, &[&space_id], &sealed)?;
    }
    Ok(())
}

/// Puts the root together again, from what was signed; returns the number of entries.
fn check_log(log: &SpaceLog<'_>) -> Result<u64, Error> {
    let mut at = Cursor::start(&log.space_id());
    loop {
        let batch = log.entries_after(at.seq, BATCH_ENTRIES, BATCH_BYTES)?;
        for stored in &batch {
            let Place { at: kept, event_id } = stored.place;
            at = at.after(&event_id);
            if at != kept || signed_id(&stored.entry) != Some(event_id) {
                return Err(StoreError::Damaged { table: "segment" }.into());
            }
        }
        if batch.is_empty() {
            break;
        }
    }
    if at != log.cursor()? {
        return Err(StoreError::Damaged { table: "space" }.into());
    }
    log.load_fold()?;
    log.epochs_from(0)?;
    Ok(at.seq)
}

/// The id of what was signed.
fn signed_id(entry: &Entry) -> Option<EventId> {
    match entry.kind.as_ref()? {
        Kind::Event(event) => Some(ParsedEvent::parse(event).ok()?.id()),
        Kind::Control(control) => Some(ParsedControl::parse(control).ok()?.id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_of_every_page_is_told_in_a_line() {
        let pages: String = (1..=100)
            .map(|page| format!("Page {page}: never used\n"))
            .collect();
        assert_eq!(
            first_lines(&pages),
            "Page 1: never used; Page 2: never used; Page 3: never used; and 97 more"
        );
        assert_eq!(first_lines("one page"), "one page");
    }
}
