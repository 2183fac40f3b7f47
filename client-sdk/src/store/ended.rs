//! Spaces that this account reads no more, and why, as far as this device has heard.

use std::collections::BTreeMap;

use rusqlite::params;
use sealpost_protocol::ids::SpaceId;

use super::StoreTransaction;
use super::log::SpaceLog;
use crate::error::{Error, StoreError};
use crate::space::SpaceEnd;

/// Their first form.
pub(super) const TABLES: &str = "
-- Spaces that this account reads no more, and why.
CREATE TABLE ended (
    space_id BLOB PRIMARY KEY,
    how INTEGER NOT NULL
) STRICT;
";

const TABLE: &str = "ended";

/// Those that are kept, as they are numbered in the table.
const ENDS: [(i64, SpaceEnd); 4] = [
    (1, SpaceEnd::Left),
    (2, SpaceEnd::Removed),
    (3, SpaceEnd::Deleted),
    (4, SpaceEnd::TurnedAway),
];

impl StoreTransaction<'_> {
    /// What is known of spaces that have ended.
    pub(crate) fn ends(&self) -> Result<BTreeMap<SpaceId, SpaceEnd>, Error> {
        let mut statement = self.sql().prepare_cached("SELECT space_id, how FROM ended")?;
        let rows = statement.query_map([], |row| Ok((SpaceId::new(row.get(0)?), row.get(1)?)))?;
        rows.map(|row| {
            let (id, how): (SpaceId, i64) = row?;
            let known = ENDS.iter().find(|(number, _)| *number == how);
            let (_, end) = known.ok_or(StoreError::Damaged { table: TABLE })?;
            Ok((id, *end))
        })
        .collect()
    }

    /// Notes an end. That an account was removed is what the relay says of one that has left, too.
    pub(crate) fn put_end(&self, id: SpaceId, end: SpaceEnd) -> Result<(), Error> {
        // That it is not listed the relay says each time anew.
        let Some((how, _)) = ENDS.iter().find(|(_, known)| *known == end) else {
            return Ok(());
        };
        let removed = end == SpaceEnd::Removed;
        self.sql().execute(
            "INSERT INTO ended VALUES (?1, ?2) ON CONFLICT DO UPDATE SET how = excluded.how WHERE NOT ?3",
            params![id.as_bytes(), how, removed],
        )?;
        Ok(())
    }

    /// Forgets an end: it is a space again, or nothing is to be known of it.
    pub(crate) fn remove_end(&self, id: SpaceId) -> Result<(), Error> {
        self.sql()
            .execute("DELETE FROM ended WHERE space_id = ?1", [id.as_bytes()])?;
        Ok(())
    }

    /// Destroys all that is kept of a space, views that were set aside too.
    pub(crate) fn forget_space(&self, id: SpaceId) -> Result<(), Error> {
        self.remove_end(id)?;
        for aside in SpaceLog::set_aside_of(self, id)? {
            self.forget_log(&aside)?;
        }
        match SpaceLog::find(self, id)? {
            Some(log) => self.forget_log(&log),
            None => Ok(()),
        }
    }

    fn forget_log(&self, log: &SpaceLog<'_>) -> Result<(), Error> {
        self.sql().execute(
            "DELETE FROM part WHERE writer IN (SELECT number FROM writer WHERE space = ?1)",
            [log.number()],
        )?;
        for table in [
            "segment",
            "receipt",
            "writer",
            "epoch",
            "evidence",
            "reader",
            "own_writer",
            "outbox",
            "upload",
            "superseded",
        ] {
            self.sql()
                .execute(&format!("DELETE FROM {table} WHERE space = ?1"), [log.number()])?;
        }
        self.sql()
            .execute("DELETE FROM space WHERE number = ?1", [log.number()])?;
        Ok(())
    }
}
