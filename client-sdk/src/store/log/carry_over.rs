//! Entries of a store that had a row for each of them.

use rusqlite::{Connection, Row};
use sealpost_protocol::ids::{EventId, Root};
use sealpost_protocol::root::Cursor;

use super::segments::{Place, SegmentWriter, TABLES, WriterPlace};
use crate::error::Error;

/// Puts entries and receipts into the tables that take the place of `entry`. Bytes are carried over as they are: one that is damaged is
/// noticed where it would have been.
pub(in crate::store) fn into_segments(sql: &Connection) -> Result<(), Error> {
    sql.execute_batch(TABLES)?;
    carry_entries(sql)?;
    sql.execute_batch(
        "INSERT INTO receipt SELECT space, seq, receipt FROM entry WHERE receipt IS NOT NULL;
         DROP TABLE entry;",
    )?;
    Ok(())
}

fn carry_entries(sql: &Connection) -> Result<(), Error> {
    let mut spaces = sql.prepare("SELECT number FROM space ORDER BY number")?;
    let mut entries = sql.prepare(
        "SELECT seq, root, event_id, body, writer, writer_index FROM entry WHERE space = ?1 ORDER BY seq",
    )?;
    for space in spaces.query_map([], |row| row.get(0))? {
        let space: i64 = space?;
        let mut segments = SegmentWriter::new(sql, space);
        let mut rows = entries.query([space])?;
        while let Some(row) = rows.next()? {
            carry_entry(row, &mut segments)?;
        }
        segments.flush()?;
    }
    Ok(())
}

fn carry_entry(row: &Row<'_>, segments: &mut SegmentWriter<'_>) -> Result<(), Error> {
    let place = Place {
        at: Cursor {
            seq: row.get(0)?,
            root: Root::new(row.get(1)?),
        },
        event_id: EventId::new(row.get(2)?),
    };
    let body: Vec<u8> = row.get(3)?;
    let writer = match row.get(4)? {
        Some(number) => Some(WriterPlace {
            number,
            index: row.get(5)?,
        }),
        None => None,
    };
    segments.push(&place, writer, body.len(), |out| out.extend_from_slice(&body))
}
