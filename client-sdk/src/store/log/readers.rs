//! How far applications have read, as they asked to have it kept.

use rusqlite::{OptionalExtension, params};
use sealpost_protocol::ids::Root;

use super::SpaceLog;
use crate::error::Error;
use crate::space::{MessageCursor, Position};

/// Their first form.
pub(in crate::store) const TABLES: &str = "
-- Places up to which applications have read, each under a name of its own.
CREATE TABLE reader (
    space INTEGER NOT NULL REFERENCES space,
    name TEXT NOT NULL,
    seq INTEGER NOT NULL,
    message INTEGER NOT NULL,
    root BLOB NOT NULL,
    PRIMARY KEY (space, name)
) STRICT;
";

impl SpaceLog<'_> {
    /// The place kept under `name`.
    pub(crate) fn reader(&self, name: &str) -> Result<Option<MessageCursor>, Error> {
        let mut statement = self
            .store()
            .sql()
            .prepare_cached("SELECT seq, message, root FROM reader WHERE space = ?1 AND name = ?2")?;
        let kept = statement.query_row(params![self.number(), name], |row| {
            Ok(MessageCursor {
                position: Position {
                    seq: row.get(0)?,
                    index: row.get(1)?,
                },
                root: Root::new(row.get(2)?),
            })
        });
        Ok(kept.optional()?)
    }

    /// Keeps a place under `name`, in the stead of the one before.
    pub(crate) fn put_reader(&self, name: &str, cursor: &MessageCursor) -> Result<(), Error> {
        self.store().sql().execute(
            "INSERT INTO reader (space, name, seq, message, root) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (space, name) DO UPDATE SET seq = excluded.seq, message = excluded.message, root = excluded.root",
            params![
                self.number(),
                name,
                cursor.position.seq,
                cursor.position.index,
                cursor.root.as_bytes()
            ],
        )?;
        Ok(())
    }
}
