//! Verified entries: append, read, find by writer.

use bytes::Bytes;
use prost::Message as _;
use rusqlite::{OptionalExtension, Row, params};
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::ids::{EventId, PrincipalId, Root, WriterId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;

use super::{SpaceLog, damaged};
use crate::error::Error;

/// One place of a log, verified.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredEntry {
    /// The place, and the root there.
    pub(crate) at: Cursor,
    /// Which event or record stands there.
    pub(crate) event_id: EventId,
    /// Of an event: its place in its writer's chain.
    pub(crate) writer: Option<WriterKey>,
    /// What was signed.
    pub(crate) entry: wire::Entry,
}

/// A place in a writer's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriterKey {
    pub(crate) principal_id: PrincipalId,
    pub(crate) writer_id: WriterId,
    pub(crate) index: u64,
}

impl SpaceLog<'_> {
    /// Appends entries that continue the log, and moves the cursor behind them.
    pub(crate) fn append(&self, entries: &[StoredEntry]) -> Result<(), Error> {
        for entry in entries {
            let writer = entry
                .writer
                .map(|key| self.put_writer(&key, entry.at.seq))
                .transpose()?;
            self.insert_entry(entry, writer)?;
        }
        match entries.last() {
            Some(last) => self.put_cursor(&last.at),
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
        let mut statement = self.store.sql().prepare_cached(
            "SELECT entry.seq, root, event_id, body, principal_id, writer_id, writer_index
             FROM entry LEFT JOIN writer ON writer.number = entry.writer
             WHERE entry.space = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = statement.query(params![self.space, seq, count])?;
        let (mut entries, mut total) = (Vec::new(), 0);
        while total < bytes {
            let Some(row) = rows.next()? else { break };
            total += row.get_ref(3)?.as_blob().map_or(0, <[u8]>::len);
            entries.push(entry_from(row)?);
        }
        Ok(entries)
    }

    /// The ids of the entries behind `seq`, up to `until`.
    pub(crate) fn event_ids(&self, seq: u64, until: u64) -> Result<Vec<EventId>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT event_id FROM entry WHERE space = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq",
        )?;
        let ids = statement.query_map(params![self.space, seq, until], |row| {
            row.get(0).map(EventId::new)
        })?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// The entry at a place.
    pub(crate) fn entry_at(&self, seq: u64) -> Result<Option<StoredEntry>, Error> {
        let Some(before) = seq.checked_sub(1) else {
            return Ok(None);
        };
        let mut entries = self.entries_after(before, 1, 1)?;
        Ok(entries.pop().filter(|entry| entry.at.seq == seq))
    }

    /// Where this event stands, if this log holds it.
    pub(crate) fn place_of(&self, event: &ParsedEvent) -> Result<Option<Cursor>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT seq, root, event_id FROM entry WHERE writer_index = ?4 AND writer =
             (SELECT number FROM writer WHERE space = ?1 AND principal_id = ?2 AND writer_id = ?3)",
        )?;
        let found = statement
            .query_row(
                params![
                    self.space,
                    event.header.principal_id.as_bytes(),
                    event.header.writer_id.as_bytes(),
                    event.header.writer_index
                ],
                |row| Ok((cursor_from(row)?, EventId::new(row.get(2)?))),
            )
            .optional()?;
        Ok(found.and_then(|(at, id)| (id == event.id()).then_some(at)))
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

    fn insert_entry(&self, entry: &StoredEntry, writer: Option<i64>) -> Result<(), Error> {
        self.store
            .sql()
            .prepare_cached(
                "INSERT INTO entry (space, seq, root, event_id, writer, writer_index, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                self.space,
                entry.at.seq,
                entry.at.root.as_bytes(),
                entry.event_id.as_bytes(),
                writer,
                entry.writer.map(|key| key.index),
                entry.entry.encode_to_vec(),
            ])?;
        Ok(())
    }

    fn put_cursor(&self, cursor: &Cursor) -> Result<(), Error> {
        self.store
            .sql()
            .prepare_cached("UPDATE space SET seq = ?2, root = ?3 WHERE number = ?1")?
            .execute(params![self.space, cursor.seq, cursor.root.as_bytes()])?;
        Ok(())
    }
}

pub(super) fn decode_body(body: Vec<u8>) -> Result<wire::Entry, Error> {
    wire::Entry::decode(Bytes::from(body)).map_err(|_| damaged("entry"))
}

fn entry_from(row: &Row<'_>) -> Result<StoredEntry, Error> {
    Ok(StoredEntry {
        at: cursor_from(row)?,
        event_id: EventId::new(row.get(2)?),
        entry: decode_body(row.get(3)?)?,
        writer: writer_from(row)?,
    })
}

fn cursor_from(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    Ok(Cursor {
        seq: row.get(0)?,
        root: Root::new(row.get(1)?),
    })
}

fn writer_from(row: &Row<'_>) -> rusqlite::Result<Option<WriterKey>> {
    let Some(principal_id) = row.get::<_, Option<[u8; 32]>>(4)? else {
        return Ok(None);
    };
    Ok(Some(WriterKey {
        principal_id: PrincipalId::new(principal_id),
        writer_id: WriterId::new(row.get(5)?),
        index: row.get(6)?,
    }))
}
