//! What raised an alarm, kept for people.

use bytes::Bytes;
use rusqlite::{OptionalExtension, Row, params};
use sealpost_protocol::ids::{EventId, SpaceId};

use super::SpaceLog;
use crate::error::{Alarm, Error};
use crate::store::StoreTransaction;

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
    /// What it did to the space.
    pub weight: Weight,
}

/// What an alarm did to its space. Kept by its number, which stands in SQL, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The space went on without what was bad.
    Passing,
    /// The space stopped in the process that found it, and is tried anew when it is opened again.
    Stopping,
    /// The space has stopped, and stays so until a person says otherwise: see [`crate::Client::acknowledge_alarms`].
    Standing,
    /// A person has said that the space may go on.
    Acknowledged,
}

/// The column that tells apart what stopped a space; what was kept before it may be of either kind.
pub(in crate::store) const WEIGHT_COLUMN: &str = "
ALTER TABLE evidence ADD COLUMN stopping INTEGER NOT NULL DEFAULT 1;
";

/// The same column for more than two kinds; nothing that was kept before it stands.
pub(in crate::store) const WEIGHT_RENAMED: &str = "
ALTER TABLE evidence RENAME COLUMN stopping TO weight;
-- Looked at with each page of the log.
CREATE INDEX standing_alarm ON evidence (space) WHERE weight = 2;
";

/// The column for what others can check, too.
pub(in crate::store) const PROOF_COLUMN: &str = "
ALTER TABLE evidence ADD COLUMN proof BLOB;
";

/// Pieces of evidence kept for one space, of what stopped it and of what did not: the oldest go first, so that a hostile relay cannot
/// fill the disk. What goes on again and again must not push out why the space stopped.
const KEPT: usize = 16;

impl Weight {
    const ALL: [Self; 4] = [Self::Passing, Self::Stopping, Self::Standing, Self::Acknowledged];

    fn of_column(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// All alarms that keep spaces stopped, the oldest first.
pub(crate) fn standing_alarms(store: &StoreTransaction<'_>) -> Result<Vec<Alarm>, Error> {
    let mut statement = store.sql().prepare(
        "SELECT what, evidence.seq, event_id, space_id FROM evidence JOIN space ON space.number = evidence.space
         WHERE weight = 2 ORDER BY evidence.number",
    )?;
    let alarms = statement.query_map([], |row| alarm_of(SpaceId::new(row.get(3)?), row))?;
    Ok(alarms.collect::<Result<_, _>>()?)
}

/// The alarm in a row that begins with its columns.
fn alarm_of(space_id: SpaceId, row: &Row<'_>) -> rusqlite::Result<Alarm> {
    let event_id: Option<[u8; 32]> = row.get(2)?;
    Ok(Alarm {
        what: row.get(0)?,
        space_id: Some(space_id),
        seq: row.get(1)?,
        event_id: event_id.map(EventId::new),
    })
}

impl SpaceLog<'_> {
    /// Keeps a piece of evidence.
    pub(crate) fn put_evidence(&self, evidence: &Evidence) -> Result<(), Error> {
        let alarm = &evidence.alarm;
        let event_id = alarm.event_id.as_ref().map(|id| id.as_bytes());
        self.store.sql().execute(
            "INSERT INTO evidence (space, at_ms, what, seq, event_id, bytes, weight, proof)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                self.space,
                evidence.at_ms,
                alarm.what,
                alarm.seq,
                event_id,
                evidence.bytes,
                evidence.weight as u8,
                evidence.proof.as_deref()
            ],
        )?;
        self.store.sql().execute(
            "DELETE FROM evidence WHERE space = ?1 AND (weight = 0) = (?3 = 0) AND number NOT IN
             (SELECT number FROM evidence WHERE space = ?1 AND (weight = 0) = (?3 = 0) ORDER BY number DESC LIMIT ?2)",
            params![self.space, KEPT, evidence.weight as u8],
        )?;
        Ok(())
    }

    /// The evidence that is kept, oldest first.
    pub(crate) fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        let mut statement = self.store.sql().prepare(
            "SELECT what, seq, event_id, at_ms, bytes, proof, weight FROM evidence WHERE space = ?1 ORDER BY number",
        )?;
        let rows = statement.query_map([self.space], |row| {
            let number: u8 = row.get(6)?;
            let unknown = rusqlite::Error::IntegralValueOutOfRange(6, number.into());
            Ok(Evidence {
                at_ms: row.get(3)?,
                alarm: alarm_of(self.space_id, row)?,
                bytes: row.get(4)?,
                proof: row.get::<_, Option<Vec<u8>>>(5)?.map(Bytes::from),
                weight: Weight::of_column(number).ok_or(unknown)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The first alarm that keeps the space stopped.
    pub(crate) fn standing_alarm(&self) -> Result<Option<Alarm>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT what, seq, event_id FROM evidence WHERE space = ?1 AND weight = 2 ORDER BY number LIMIT 1",
        )?;
        let first = statement.query_row([self.space], |row| alarm_of(self.space_id, row));
        Ok(first.optional()?)
    }

    /// No alarm keeps the space stopped any more; says how many did.
    pub(crate) fn acknowledge_alarms(&self) -> Result<usize, Error> {
        let (standing, acknowledged) = (Weight::Standing as u8, Weight::Acknowledged as u8);
        let sql = "UPDATE evidence SET weight = ?3 WHERE space = ?1 AND weight = ?2";
        Ok(self
            .store
            .sql()
            .execute(sql, params![self.space, standing, acknowledged])?)
    }

    /// Whether a person has acknowledged an alarm about this entry.
    pub(crate) fn has_acknowledged(&self, event_id: &EventId) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM evidence WHERE space = ?1 AND event_id = ?2 AND weight = ?3)";
        let acknowledged = params![self.space, event_id.as_bytes(), Weight::Acknowledged as u8];
        Ok(self.store.sql().query_row(sql, acknowledged, |row| row.get(0))?)
    }
}
