//! Which life of the relay's database served the log last, and what proves to a later one that an earlier one had it.

use rusqlite::{OptionalExtension, Row, params};
use sealpost_protocol::ids::{EventId, Incarnation, Receipt, Root};
use sealpost_protocol::limits::MAX_ENTRIES_PER_HEAL;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::{self, SignedEvent, entry::Kind};

use super::segments::StoredEntry;
use super::{SpaceLog, damaged};
use crate::error::Error;

/// What is known of it is nothing in a store from before there was the column.
pub(in crate::store) const INCARNATION_COLUMN: &str = "
ALTER TABLE space ADD COLUMN incarnation BLOB;
";

/// Bytes after which a run goes no further than it has to.
const RUN_BYTES: usize = 128 * 1024;

/// Entries that follow each other, and the relay's receipt for the last one's place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) entries: Vec<wire::Entry>,
    pub(crate) end: Cursor,
    pub(crate) receipt: Receipt,
}

/// Gathers entries up to the furthest receipt that a frame has room for.
#[derive(Default)]
struct Runner {
    entries: Vec<wire::Entry>,
    bytes: usize,
    /// How many entries there were at the last receipt.
    receipted: Option<(usize, Cursor, Receipt)>,
}

impl Runner {
    /// Whether the entry of so many bytes is one too many.
    fn is_full(&self, bytes: usize) -> bool {
        self.receipted.is_some() && self.bytes + bytes > RUN_BYTES
    }

    fn push(&mut self, entry: wire::Entry, bytes: usize, at: Cursor, receipt: Option<[u8; Receipt::LENGTH]>) {
        self.entries.push(entry);
        self.bytes += bytes;
        if let Some(receipt) = receipt {
            self.receipted = Some((self.entries.len(), at, Receipt::new(receipt)));
        }
    }

    fn finish(mut self) -> Option<Run> {
        let (count, end, receipt) = self.receipted?;
        self.entries.truncate(count);
        Some(Run {
            entries: self.entries,
            end,
            receipt,
        })
    }
}

impl SpaceLog<'_> {
    /// Which life of the relay's database served this log last.
    pub(crate) fn incarnation(&self) -> Result<Option<Incarnation>, Error> {
        let mut statement = self
            .store
            .sql()
            .prepare_cached("SELECT incarnation FROM space WHERE number = ?1")?;
        let known = statement
            .query_row([self.space], |row| row.get::<_, Option<[u8; 16]>>(0))
            .optional()?;
        Ok(known.flatten().map(Incarnation::new))
    }

    /// Notes which life of the relay's database serves this log.
    pub(crate) fn put_incarnation(&self, incarnation: &Incarnation) -> Result<(), Error> {
        self.store
            .sql()
            .prepare_cached("UPDATE space SET incarnation = ?2 WHERE number = ?1")?
            .execute(params![self.space, incarnation.as_bytes()])?;
        Ok(())
    }

    /// The last place that there is a receipt for, without any entries.
    pub(crate) fn last_receipt(&self) -> Result<Option<Run>, Error> {
        let mut statement = self
            .store
            .sql()
            .prepare_cached("SELECT seq, receipt FROM receipt WHERE space = ?1 ORDER BY seq DESC LIMIT 1")?;
        let last: Option<(u64, [u8; Receipt::LENGTH])> = statement
            .query_row([self.space], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((seq, receipt)) = last else {
            return Ok(None);
        };
        let place = self.place_at(seq)?.ok_or_else(|| damaged("receipt"))?;
        Ok(Some(Run {
            entries: Vec::new(),
            end: place.at,
            receipt: Receipt::new(receipt),
        }))
    }

    /// The last place that the relay acked to this device and the log has not reached, without the event there.
    pub(crate) fn last_ack(&self) -> Result<Option<Run>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT seq, root, receipt FROM outbox WHERE space = ?1 AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1",
        )?;
        Ok(statement.query_row([self.space], place_from).optional()?)
    }

    /// The verified entries behind a place, up to a receipt; `None` if there is no receipt behind it.
    pub(crate) fn run_after(&self, seq: u64) -> Result<Option<Run>, Error> {
        let mut runner = Runner::default();
        self.each_after(seq, |StoredEntry { place, entry, length }| {
            if runner.is_full(length) {
                return Ok(false);
            }
            runner.push(entry, length, place.at, self.receipt_at(place.at.seq)?);
            Ok(runner.entries.len() < MAX_ENTRIES_PER_HEAL)
        })?;
        Ok(runner.finish())
    }

    fn receipt_at(&self, seq: u64) -> Result<Option<[u8; Receipt::LENGTH]>, Error> {
        let mut statement = self
            .store
            .sql()
            .prepare_cached("SELECT receipt FROM receipt WHERE space = ?1 AND seq = ?2")?;
        let receipt = statement.query_row(params![self.space, seq], |row| row.get(0));
        Ok(receipt.optional()?)
    }

    /// Own events that were acked right behind the verified log, and not read there yet.
    pub(crate) fn acked_run(&self) -> Result<Option<Run>, Error> {
        let mut end = self.cursor()?;
        let mut statement = self.store.sql().prepare_cached(
            "SELECT seq, root, receipt, event, event_id FROM outbox WHERE space = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = statement.query(params![self.space, end.seq, MAX_ENTRIES_PER_HEAL])?;
        let mut runner = Runner::default();
        while let Some(row) = rows.next()? {
            let event: Vec<u8> = row.get(3)?;
            let bytes = event.len();
            let acked = Cursor {
                seq: row.get(0)?,
                root: Root::new(row.get(1)?),
            };
            end = end.after(&EventId::new(row.get(4)?));
            if acked != end || runner.is_full(bytes) {
                break;
            }
            let event = <SignedEvent as prost::Message>::decode(&event[..]);
            let kind = Some(Kind::Event(event.map_err(|_| damaged("outbox"))?));
            runner.push(wire::Entry { kind }, bytes, acked, row.get(2)?);
        }
        Ok(runner.finish())
    }
}

/// A place with its receipt, without any entries.
fn place_from(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        entries: Vec::new(),
        end: Cursor {
            seq: row.get(0)?,
            root: Root::new(row.get(1)?),
        },
        receipt: Receipt::new(row.get(2)?),
    })
}
