//! What raised an alarm, kept for people.

use bytes::Bytes;
use rusqlite::params;
use sealpost_protocol::ids::EventId;

use super::SpaceLog;
use crate::error::{Alarm, Error};

/// An alarm with the bytes that raised it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// When it was raised, in Unix milliseconds of this device's clock.
    pub at_ms: u64,
    /// What did not hold, and where.
    pub alarm: Alarm,
    /// The frame that the relay sent, as it came; empty where the alarm is not about one frame.
    pub bytes: Vec<u8>,
    /// What the relay signed that contradicts itself, where it did: see [`crate::Client::export_evidence`].
    pub proof: Option<Bytes>,
}

/// What an alarm did. Each kind has room of its own: what goes on again and again must not push out why the space stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The space went on without what was bad.
    Passing,
    /// The space stopped.
    Stopping,
}

/// The column that tells them apart; what was kept before it may be of either.
pub(in crate::store) const WEIGHT_COLUMN: &str = "
ALTER TABLE evidence ADD COLUMN stopping INTEGER NOT NULL DEFAULT 1;
";

/// The column for what others can check, too.
pub(in crate::store) const PROOF_COLUMN: &str = "
ALTER TABLE evidence ADD COLUMN proof BLOB;
";

/// Pieces of evidence of a kind kept for one space; the oldest go first, so that a hostile relay cannot fill the disk.
const KEPT: usize = 16;

impl SpaceLog<'_> {
    /// Keeps a piece of evidence.
    pub(crate) fn put_evidence(&self, evidence: &Evidence, weight: Weight) -> Result<(), Error> {
        let alarm = &evidence.alarm;
        let event_id = alarm.event_id.as_ref().map(|id| id.as_bytes());
        let stopping = weight == Weight::Stopping;
        self.store.sql().execute(
            "INSERT INTO evidence (space, at_ms, what, seq, event_id, bytes, stopping, proof)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                self.space,
                evidence.at_ms,
                alarm.what,
                alarm.seq,
                event_id,
                evidence.bytes,
                stopping,
                evidence.proof.as_deref()
            ],
        )?;
        self.store.sql().execute(
            "DELETE FROM evidence WHERE space = ?1 AND stopping = ?3 AND number NOT IN
             (SELECT number FROM evidence WHERE space = ?1 AND stopping = ?3 ORDER BY number DESC LIMIT ?2)",
            params![self.space, KEPT, stopping],
        )?;
        Ok(())
    }

    /// The evidence that is kept, oldest first.
    pub(crate) fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        let mut statement = self.store.sql().prepare(
            "SELECT at_ms, what, seq, event_id, bytes, proof FROM evidence WHERE space = ?1 ORDER BY number",
        )?;
        let rows = statement.query_map([self.space], |row| {
            let event_id: Option<[u8; 32]> = row.get(3)?;
            Ok(Evidence {
                at_ms: row.get(0)?,
                alarm: Alarm {
                    what: row.get(1)?,
                    space_id: Some(self.space_id),
                    seq: row.get(2)?,
                    event_id: event_id.map(EventId::new),
                },
                bytes: row.get(4)?,
                proof: row.get::<_, Option<Vec<u8>>>(5)?.map(Bytes::from),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
