//! Signed events on their way: durable before the first byte leaves, resent as they are until the relay acks them.
//!
//! A row is kept until the own, verified log has reached the place that the relay acked it at: only then is the ack's
//! word checked.

use bytes::Bytes;
use prost::Message as _;
use rusqlite::{OptionalExtension, Row, params};
use sealpost_protocol::ids::{EventId, Receipt, Root, WriterId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::SignedEvent;

use super::StoreTransaction;
use super::log::{Place, SpaceLog};
use crate::entropy;
use crate::error::{Error, StoreError};
use crate::weakened;

/// Their first form.
pub(super) const TABLES: &str = "
-- The writer id under which this device writes in a space: drawn once, and again after a writer conflict.
CREATE TABLE own_writer (
    space INTEGER PRIMARY KEY REFERENCES space,
    writer_id BLOB NOT NULL
) STRICT;

-- The writer id under which this device opens sockets.
CREATE TABLE install (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    writer_id BLOB NOT NULL
) STRICT;

-- Signed events, oldest first. That none is signed twice for one (writer, index, epoch) is a constraint, not a habit.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER NOT NULL REFERENCES space,
    writer_id BLOB NOT NULL,
    writer_index INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    event BLOB NOT NULL,
    seq INTEGER,
    root BLOB,
    receipt BLOB,
    UNIQUE (space, writer_id, writer_index, epoch)
) STRICT;

-- Spaces that are being made: everything signed for them, sealed, until the relay has all of it.
CREATE TABLE creation (
    space_id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
";

/// The table of spaces that are being made, as their sealed values are bound to it.
pub(crate) const CREATION: &str = "creation";

/// A signed event that the relay has not acked yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutboxRow {
    /// Names the row; later rows have higher numbers.
    pub(crate) number: i64,
    /// What was signed.
    pub(crate) event: OutboxEvent,
}

/// A signed event and its place in the own writer chain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutboxEvent {
    pub(crate) writer_id: WriterId,
    pub(crate) writer_index: u64,
    pub(crate) epoch: u64,
    pub(crate) event_id: EventId,
    pub(crate) event: SignedEvent,
}

/// Where the relay says it put an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AckedAt {
    pub(crate) at: Cursor,
    pub(crate) receipt: Receipt,
}

/// An ack that the verified log contradicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokenAck {
    pub(crate) at: Cursor,
    pub(crate) event_id: EventId,
}

/// The writer id under which this device opens sockets; drawn when it is first asked for.
pub(crate) fn install_id(store: &StoreTransaction<'_>) -> Result<WriterId, Error> {
    let drawn: [u8; WriterId::LENGTH] = entropy::draw(&mut entropy::system());
    let id = store.sql().query_row(
        "INSERT INTO install (id, writer_id) VALUES (1, ?1)
         ON CONFLICT DO UPDATE SET writer_id = writer_id RETURNING writer_id",
        [drawn],
        |row| row.get(0),
    )?;
    Ok(WriterId::new(id))
}

impl SpaceLog<'_> {
    /// The writer id under which this device writes in this space; drawn when it is first asked for.
    pub(crate) fn own_writer(&self) -> Result<WriterId, Error> {
        let mut statement = self
            .store()
            .sql()
            .prepare_cached("SELECT writer_id FROM own_writer WHERE space = ?1")?;
        let known = statement
            .query_row([self.number()], |row| row.get(0).map(WriterId::new))
            .optional()?;
        if let Some(writer_id) = known {
            return Ok(writer_id);
        }
        let writer_id = WriterId::new(entropy::draw(&mut entropy::system()));
        self.put_own_writer(&writer_id)?;
        Ok(writer_id)
    }

    /// Goes on in this space under a new writer id.
    pub(crate) fn put_own_writer(&self, writer_id: &WriterId) -> Result<(), Error> {
        self.store().sql().execute(
            "INSERT INTO own_writer VALUES (?1, ?2) ON CONFLICT DO UPDATE SET writer_id = excluded.writer_id",
            params![self.number(), writer_id.as_bytes()],
        )?;
        Ok(())
    }

    /// Events without an ack, oldest first.
    pub(crate) fn unacked(&self) -> Result<Vec<OutboxRow>, Error> {
        let mut statement = self.store().sql().prepare_cached(
            "SELECT number, writer_id, writer_index, epoch, event_id, event FROM outbox
             WHERE space = ?1 AND seq IS NULL ORDER BY number",
        )?;
        let mut rows = statement.query([self.number()])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(row_from(row)?);
        }
        Ok(found)
    }

    /// All events that are here still, acked or not, oldest first.
    pub(crate) fn signed(&self) -> Result<Vec<SignedEvent>, Error> {
        let mut statement = self
            .store()
            .sql()
            .prepare_cached("SELECT event FROM outbox WHERE space = ?1 ORDER BY number")?;
        let events = statement.query_map([self.number()], |row| row.get::<_, Vec<u8>>(0))?;
        events
            .map(|event| SignedEvent::decode(Bytes::from(event?)).map_err(|_| damaged()))
            .collect()
    }

    /// Drops all of them: what they say was said otherwise.
    pub(crate) fn remove_signed(&self) -> Result<(), Error> {
        self.store()
            .sql()
            .execute("DELETE FROM outbox WHERE space = ?1", [self.number()])?;
        Ok(())
    }

    /// Whether an event without an ack was sealed under another epoch.
    pub(crate) fn has_unacked_of_other_epoch(&self, epoch: u64) -> Result<bool, Error> {
        let mut statement = self.store().sql().prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE space = ?1 AND seq IS NULL AND epoch <> ?2)",
        )?;
        Ok(statement.query_row(params![self.number(), epoch], |row| row.get(0))?)
    }

    /// Index and id of the last event signed under a writer id, as far as the outbox knows.
    pub(crate) fn last_signed(&self, writer_id: &WriterId) -> Result<Option<(u64, EventId)>, Error> {
        let mut statement = self.store().sql().prepare_cached(
            "SELECT writer_index, event_id FROM outbox WHERE space = ?1 AND writer_id = ?2
             ORDER BY writer_index DESC LIMIT 1",
        )?;
        let last = statement
            .query_row(params![self.number(), writer_id.as_bytes()], |row| {
                Ok((row.get(0)?, EventId::new(row.get(1)?)))
            })
            .optional()?;
        Ok(last)
    }

    /// Adds a signed event; returns its row's number.
    pub(crate) fn put_event(&self, event: &OutboxEvent) -> Result<i64, Error> {
        self.store()
            .sql()
            .prepare_cached(
                "INSERT INTO outbox (space, writer_id, writer_index, epoch, event_id, event)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                self.number(),
                event.writer_id.as_bytes(),
                event.writer_index,
                event.epoch,
                event.event_id.as_bytes(),
                event.event.encode_to_vec(),
            ])?;
        Ok(self.store().sql().last_insert_rowid())
    }

    /// Puts an event that was sealed again in the place of one that can no longer be accepted.
    pub(crate) fn replace_event(&self, number: i64, event: &OutboxEvent) -> Result<(), Error> {
        let changed = self.store().sql().execute(
            "UPDATE outbox SET writer_id = ?2, writer_index = ?3, epoch = ?4, event_id = ?5, event = ?6
             WHERE number = ?1 AND seq IS NULL",
            params![
                number,
                event.writer_id.as_bytes(),
                event.writer_index,
                event.epoch,
                event.event_id.as_bytes(),
                event.event.encode_to_vec(),
            ],
        )?;
        expect_one(changed)
    }

    /// Keeps what the relay said of an event. One that was found in the verified log before is not here any more: what was said of it is
    /// held against the log at once.
    ///
    /// # Errors
    /// The broken ack is inside.
    pub(crate) fn put_ack(
        &self,
        number: i64,
        event_id: EventId,
        acked: &AckedAt,
    ) -> Result<Result<(), BrokenAck>, Error> {
        let waits = self
            .store()
            .sql()
            .prepare_cached("UPDATE outbox SET seq = ?2, root = ?3, receipt = ?4 WHERE number = ?1")?
            .execute(params![
                number,
                acked.at.seq,
                acked.at.root.as_bytes(),
                acked.receipt.as_bytes()
            ])?;
        let at = acked.at;
        let holds = waits > 0 || self.root_at(at.seq)?.is_none_or(|root| root == at.root);
        Ok(if holds {
            Ok(())
        } else {
            Err(BrokenAck { at, event_id })
        })
    }

    /// Drops an event that was found in the verified log.
    pub(crate) fn remove_event(&self, number: i64) -> Result<(), Error> {
        self.store()
            .sql()
            .execute("DELETE FROM outbox WHERE number = ?1", [number])?;
        Ok(())
    }

    /// The highest place the relay has acked that the own log has not reached.
    pub(crate) fn highest_ack(&self) -> Result<Option<u64>, Error> {
        let mut statement = self
            .store()
            .sql()
            .prepare_cached("SELECT MAX(seq) FROM outbox WHERE space = ?1")?;
        Ok(statement.query_row([self.number()], |row| row.get(0))?)
    }

    /// Holds the acks up to the cursor against the verified log. Kept ones are done with; the first broken one is told.
    pub(crate) fn settle_acks(&self) -> Result<Result<(), BrokenAck>, Error> {
        let cursor = self.cursor()?;
        for (number, event_id, acked) in self.acked_up_to(cursor.seq)? {
            let held = self.place_at(acked.at.seq)?;
            let at = acked.at;
            let kept = held == Some(Place { at, event_id });
            if !weakened::holds(kept) {
                return Ok(Err(BrokenAck { at, event_id }));
            }
            self.put_receipt(acked.at.seq, &acked.receipt)?;
            self.remove_event(number)?;
        }
        Ok(Ok(()))
    }

    fn acked_up_to(&self, seq: u64) -> Result<Vec<(i64, EventId, AckedAt)>, Error> {
        let mut statement = self.store().sql().prepare_cached(
            "SELECT number, event_id, seq, root, receipt FROM outbox WHERE space = ?1 AND seq <= ?2 ORDER BY seq",
        )?;
        let rows = statement.query_map(params![self.number(), seq], |row| {
            let at = Cursor {
                seq: row.get(2)?,
                root: Root::new(row.get(3)?),
            };
            let receipt = Receipt::new(row.get(4)?);
            Ok((row.get(0)?, EventId::new(row.get(1)?), AckedAt { at, receipt }))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn row_from(row: &Row<'_>) -> Result<OutboxRow, Error> {
    let event: Vec<u8> = row.get(5)?;
    Ok(OutboxRow {
        number: row.get(0)?,
        event: OutboxEvent {
            writer_id: WriterId::new(row.get(1)?),
            writer_index: row.get(2)?,
            epoch: row.get(3)?,
            event_id: EventId::new(row.get(4)?),
            event: SignedEvent::decode(Bytes::from(event)).map_err(|_| damaged())?,
        },
    })
}

fn expect_one(changed: usize) -> Result<(), Error> {
    (changed == 1).then_some(()).ok_or_else(damaged)
}

fn damaged() -> Error {
    StoreError::Damaged { table: "outbox" }.into()
}
