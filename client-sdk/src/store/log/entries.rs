//! Verified entries: append, read, find by writer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use prost::Message as _;
use rusqlite::params;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::ids::{EventId, PrincipalId, WriterId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;

use super::SpaceLog;
use super::segments::{Place, Places, SegmentWriter, StoredEntry, WriterPlace, entries_of_row};
use crate::error::Error;

/// A verified entry that is to be kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewEntry<'e> {
    /// Where it stands, and its id.
    pub(crate) place: Place,
    /// Of an event: its place in its writer's chain.
    pub(crate) writer: Option<WriterKey>,
    /// What was signed.
    pub(crate) entry: &'e wire::Entry,
}

/// A place in a writer's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriterKey {
    pub(crate) principal_id: PrincipalId,
    pub(crate) writer_id: WriterId,
    pub(crate) index: u64,
}

impl WriterKey {
    fn writer(&self) -> (PrincipalId, WriterId) {
        (self.principal_id, self.writer_id)
    }
}

impl SpaceLog<'_> {
    /// Appends entries that continue the log, and moves the cursor behind them.
    pub(crate) fn append(&self, entries: &[NewEntry<'_>]) -> Result<(), Error> {
        let numbers = self.put_writers(entries)?;
        let mut segments = SegmentWriter::new(self.store.sql(), self.space);
        for NewEntry { place, writer, entry } in entries {
            let writer = writer.map(|key| WriterPlace {
                number: numbers[&key.writer()],
                index: key.index,
            });
            segments.push(place, writer, entry.encoded_len(), |out| {
                entry.encode(out).expect("a vector grows");
            })?;
        }
        segments.flush()?;
        match entries.last() {
            Some(last) => self.put_cursor(&last.place.at),
            None => Ok(()),
        }
    }

    /// Entries after a place, in order: at most `count`, and no more once they have `bytes` bytes.
    pub(crate) fn entries_after(
        &self,
        seq: u64,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<StoredEntry>, Error> {
        let (mut entries, mut total) = (Vec::new(), 0);
        self.each_after(seq, |entry| {
            total += entry.length;
            entries.push(entry);
            Ok(entries.len() < count && total < bytes)
        })?;
        Ok(entries)
    }

    /// Shows the entries after a place, in order, until `take` wants no more.
    pub(super) fn each_after(
        &self,
        seq: u64,
        mut take: impl FnMut(StoredEntry) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT last_seq, places, entries FROM segment WHERE space = ?1 AND last_seq > ?2 ORDER BY last_seq",
        )?;
        let mut rows = statement.query(params![self.space, seq])?;
        while let Some(row) = rows.next()? {
            for entry in entries_of_row(row, seq)? {
                if !take(entry)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The ids of the entries behind `seq`, up to `until`.
    pub(crate) fn event_ids(&self, seq: u64, until: u64) -> Result<Vec<EventId>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT last_seq, places FROM segment WHERE space = ?1 AND last_seq > ?2 ORDER BY last_seq",
        )?;
        let mut rows = statement.query(params![self.space, seq])?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            for place in Places::of_row(row)?.iter().filter(|place| place.at.seq > seq) {
                if place.at.seq > until {
                    return Ok(ids);
                }
                ids.push(place.event_id);
            }
        }
        Ok(ids)
    }

    /// The entry at a place.
    pub(crate) fn entry_at(&self, seq: u64) -> Result<Option<StoredEntry>, Error> {
        let Some(before) = seq.checked_sub(1) else {
            return Ok(None);
        };
        let mut entries = self.entries_after(before, 1, 1)?;
        Ok(entries.pop().filter(|entry| entry.place.at.seq == seq))
    }

    /// What stands at a place, without the entry; `None` beyond the cursor.
    pub(crate) fn place_at(&self, seq: u64) -> Result<Option<Place>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT last_seq, places FROM segment WHERE space = ?1 AND last_seq >= ?2 ORDER BY last_seq LIMIT 1",
        )?;
        let mut rows = statement.query(params![self.space, seq])?;
        match rows.next()? {
            Some(row) => Ok(Places::of_row(row)?.get(seq)),
            None => Ok(None),
        }
    }

    /// Where this event stands, if this log holds it.
    pub(crate) fn place_of(&self, event: &ParsedEvent) -> Result<Option<Cursor>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT segment.last_seq, places FROM part
             JOIN segment ON segment.space = ?1 AND segment.last_seq = part.last_seq
             WHERE writer = (SELECT number FROM writer WHERE space = ?1 AND principal_id = ?2 AND writer_id = ?3)
             AND first_index <= ?4 ORDER BY first_index DESC LIMIT 1",
        )?;
        let mut rows = statement.query(params![
            self.space,
            event.header.principal_id.as_bytes(),
            event.header.writer_id.as_bytes(),
            event.header.writer_index
        ])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let id = event.id();
        let found = Places::of_row(row)?.iter().find(|place| place.event_id == id);
        Ok(found.map(|place| place.at))
    }

    /// Makes the rows of the entries' writers, or moves them to their last events; returns their numbers.
    fn put_writers(&self, entries: &[NewEntry<'_>]) -> Result<BTreeMap<(PrincipalId, WriterId), i64>, Error> {
        let mut numbers = BTreeMap::new();
        for NewEntry { place, writer, .. } in entries.iter().rev() {
            if let Some(key) = writer
                && let Entry::Vacant(unknown) = numbers.entry(key.writer())
            {
                unknown.insert(self.put_writer(key, place.at.seq)?);
            }
        }
        Ok(numbers)
    }

    fn put_writer(&self, key: &WriterKey, seq: u64) -> Result<i64, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "INSERT INTO writer (space, principal_id, writer_id, last_seq) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq RETURNING number",
        )?;
        Ok(statement.query_row(
            params![
                self.space,
                key.principal_id.as_bytes(),
                key.writer_id.as_bytes(),
                seq
            ],
            |row| row.get(0),
        )?)
    }

    fn put_cursor(&self, cursor: &Cursor) -> Result<(), Error> {
        self.store
            .sql()
            .prepare_cached("UPDATE space SET seq = ?2, root = ?3 WHERE number = ?1")?
            .execute(params![self.space, cursor.seq, cursor.root.as_bytes()])?;
        Ok(())
    }
}
