//! The logs of the spaces this device follows: what it verified, as it was signed.
//!
//! Entries are kept as they came, so that this device reads offline and can bring back the tail of a relay that was
//! restored from an older backup. Content in them is sealed already; epoch secrets are sealed under the device key.

mod aside;
mod carry_over;
mod entries;
mod epochs;
mod evidence;
mod fold;
mod lives;
mod readers;
mod segments;

pub(super) use aside::TABLES as ASIDE_TABLES;
pub(super) use carry_over::into_segments;
pub(crate) use entries::{NewEntry, WriterKey};
pub(crate) use epochs::EpochRow;
pub(crate) use evidence::standing_alarms;
pub use evidence::{Evidence, Weight};
pub(super) use evidence::{PROOF_COLUMN, WEIGHT_COLUMN, WEIGHT_RENAMED};
pub(super) use lives::INCARNATION_COLUMN;
pub(crate) use lives::Run;
pub(super) use readers::TABLES as READER_TABLES;
pub(crate) use segments::{Place, StoredEntry};

use rusqlite::{OptionalExtension, params};
use sealpost_protocol::ids::{Receipt, Root, SpaceId};
use sealpost_protocol::root::Cursor;

use super::StoreTransaction;
use crate::error::{Alarm, Error, StoreError};

/// Their first form. Segments have taken the place of `entry` since.
pub(super) const TABLES: &str = "
-- Spaces that this device follows, with the place up to which it verified them.
CREATE TABLE space (
    number INTEGER PRIMARY KEY,
    space_id BLOB NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    root BLOB NOT NULL
) STRICT;

-- Authors' installs, with the place of their last event.
CREATE TABLE writer (
    number INTEGER PRIMARY KEY,
    space INTEGER NOT NULL REFERENCES space,
    principal_id BLOB NOT NULL,
    writer_id BLOB NOT NULL,
    last_seq INTEGER NOT NULL,
    UNIQUE (space, principal_id, writer_id)
) STRICT;

-- Verified entries, as they came; the receipt is there where the relay gave one for just this place.
CREATE TABLE entry (
    space INTEGER NOT NULL REFERENCES space,
    seq INTEGER NOT NULL,
    root BLOB NOT NULL,
    event_id BLOB NOT NULL,
    writer INTEGER REFERENCES writer,
    writer_index INTEGER,
    body BLOB NOT NULL,
    receipt BLOB,
    PRIMARY KEY (space, seq)
) STRICT;
CREATE UNIQUE INDEX entry_of_writer ON entry (writer, writer_index) WHERE writer IS NOT NULL;
CREATE INDEX control_record ON entry (space, seq) WHERE writer IS NULL;

-- Epochs that the control chain names; the secret, once this device has it, is sealed.
CREATE TABLE epoch (
    space INTEGER NOT NULL REFERENCES space,
    number INTEGER NOT NULL,
    key_id BLOB NOT NULL,
    sealed_previous BLOB NOT NULL,
    seq INTEGER NOT NULL,
    secret BLOB,
    PRIMARY KEY (space, number)
) STRICT;

-- What raised an alarm: the offending bytes, for people to look at.
CREATE TABLE evidence (
    number INTEGER PRIMARY KEY,
    space INTEGER NOT NULL REFERENCES space,
    at_ms INTEGER NOT NULL,
    what TEXT NOT NULL,
    seq INTEGER,
    event_id BLOB,
    bytes BLOB NOT NULL
) STRICT;
";

/// One space's part of the store, within a transaction.
pub(crate) struct SpaceLog<'a> {
    store: &'a StoreTransaction<'a>,
    space: i64,
    space_id: SpaceId,
}

/// No row has this number: the part of a space that nothing was verified of.
const ABSENT: i64 = 0;

/// The spaces of which this store has verified something.
pub(crate) fn known_spaces(store: &StoreTransaction<'_>) -> Result<Vec<SpaceId>, Error> {
    let mut statement = store
        .sql()
        .prepare("SELECT space_id FROM space WHERE seq > 0 AND number NOT IN (SELECT space FROM superseded) ORDER BY number")?;
    let ids = statement.query_map([], |row| row.get(0).map(SpaceId::new))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

impl<'a> SpaceLog<'a> {
    /// The space's part; `None` if this store does not know the space.
    pub(crate) fn find(store: &'a StoreTransaction<'a>, space_id: SpaceId) -> Result<Option<Self>, Error> {
        let space = store
            .sql()
            .prepare_cached("SELECT number FROM space WHERE space_id = ?1")?
            .query_row([space_id.as_bytes()], |row| row.get(0))
            .optional()?;
        Ok(space.map(|space| Self {
            store,
            space,
            space_id,
        }))
    }

    /// The space's part; an empty one, which is not stored, if this store does not know the space. Nothing can be put into
    /// that one.
    pub(crate) fn find_or_empty(store: &'a StoreTransaction<'a>, space_id: SpaceId) -> Result<Self, Error> {
        let found = Self::find(store, space_id)?;
        Ok(found.unwrap_or(Self {
            store,
            space: ABSENT,
            space_id,
        }))
    }

    /// The space's part, made where it is missing.
    pub(crate) fn find_or_create(store: &'a StoreTransaction<'a>, space_id: SpaceId) -> Result<Self, Error> {
        if let Some(found) = Self::find(store, space_id)? {
            return Ok(found);
        }
        let start = Cursor::start(&space_id);
        store.sql().execute(
            "INSERT INTO space (space_id, seq, root) VALUES (?1, ?2, ?3)",
            params![space_id.as_bytes(), start.seq, start.root.as_bytes()],
        )?;
        let space = store.sql().last_insert_rowid();
        Ok(Self {
            store,
            space,
            space_id,
        })
    }

    /// Up to where the log is verified.
    pub(crate) fn cursor(&self) -> Result<Cursor, Error> {
        let mut statement = self
            .store
            .sql()
            .prepare_cached("SELECT seq, root FROM space WHERE number = ?1")?;
        let stored = statement.query_row([self.space], |row| {
            Ok(Cursor {
                seq: row.get(0)?,
                root: Root::new(row.get(1)?),
            })
        });
        Ok(stored.optional()?.unwrap_or(Cursor::start(&self.space_id)))
    }

    /// The verified root at a place; `None` beyond the cursor.
    pub(crate) fn root_at(&self, seq: u64) -> Result<Option<Root>, Error> {
        if seq == 0 {
            return Ok(Some(Cursor::start(&self.space_id).root));
        }
        Ok(self.place_at(seq)?.map(|place| place.at.root))
    }

    /// Holds a place that another device of this account has verified against the own log, as far as that reaches.
    pub(crate) fn check_pinned(&self, pinned: Cursor) -> Result<Result<(), Alarm>, Error> {
        match self.root_at(pinned.seq)? {
            Some(root) if root != pinned.root => {
                let what = "the log is not the one that another device of this account has verified";
                Ok(Err(Alarm::at(what, self.space_id, pinned.seq, None)))
            }
            _ => Ok(Ok(())),
        }
    }

    /// Keeps the relay's receipt for a place that is verified.
    pub(crate) fn put_receipt(&self, seq: u64, receipt: &Receipt) -> Result<(), Error> {
        self.store
            .sql()
            .prepare_cached(
                "INSERT INTO receipt (space, seq, receipt) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET receipt = excluded.receipt",
            )?
            .execute(params![self.space, seq, receipt.as_bytes()])?;
        Ok(())
    }

    pub(crate) fn store(&self) -> &'a StoreTransaction<'a> {
        self.store
    }

    /// The space's number in this store, for other tables.
    pub(crate) fn number(&self) -> i64 {
        self.space
    }

    /// The space.
    pub(crate) fn space_id(&self) -> SpaceId {
        self.space_id
    }
}

fn damaged(table: &'static str) -> Error {
    StoreError::Damaged { table }.into()
}
