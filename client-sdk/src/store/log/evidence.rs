//! What raised an alarm, kept for people.

use rusqlite::params;

use super::SpaceLog;
use crate::error::{Alarm, Error};

/// An alarm with the bytes that raised it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Evidence {
    pub(crate) alarm: Alarm,
    /// The frame or entry, as it came.
    pub(crate) bytes: Vec<u8>,
}

/// Pieces of evidence kept for one space; the oldest go first, so that a hostile relay cannot fill the disk.
const KEPT: usize = 16;

impl SpaceLog<'_> {
    /// Keeps a piece of evidence.
    pub(crate) fn put_evidence(&self, evidence: &Evidence, at_ms: u64) -> Result<(), Error> {
        let alarm = &evidence.alarm;
        let event_id = alarm.event_id.as_ref().map(|id| id.as_bytes());
        self.store.sql().execute(
            "INSERT INTO evidence (space, at_ms, what, seq, event_id, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![self.space, at_ms, alarm.what, alarm.seq, event_id, evidence.bytes],
        )?;
        self.store.sql().execute(
            "DELETE FROM evidence WHERE space = ?1 AND number NOT IN
             (SELECT number FROM evidence WHERE space = ?1 ORDER BY number DESC LIMIT ?2)",
            params![self.space, KEPT],
        )?;
        Ok(())
    }
}
