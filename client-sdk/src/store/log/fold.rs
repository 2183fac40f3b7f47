//! The fold of a stored log, put together again without checking events a second time: this store checked them before it
//! kept them. The few control records are folded anew.

use rusqlite::params;
use sealpost_protocol::chain::ControlChain;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::{EventId, PrincipalId, WriterId};
use sealpost_protocol::limits;
use sealpost_protocol::wire::Policy;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::writer::{WriterChains, WriterPosition};

use super::segments::{Places, StoredEntry, entries_of_row};
use super::{SpaceLog, damaged};
use crate::error::Error;

/// A writer's row: its number, who it is, and the place of its last event.
struct WriterRow {
    number: i64,
    principal_id: PrincipalId,
    writer_id: WriterId,
    last_seq: u64,
}

impl SpaceLog<'_> {
    /// The fold at the cursor; `None` before the genesis record.
    pub(crate) fn load_fold(&self) -> Result<Option<SpaceFold>, Error> {
        let Some(chain) = self.chain_at(u64::MAX)? else {
            return Ok(None);
        };
        let mut writers = WriterChains::default();
        for row in self.writer_rows()? {
            let position = self.load_position(&row)?;
            writers.restore(row.principal_id, row.writer_id, position);
        }
        Ok(Some(SpaceFold::from_parts(self.cursor()?, chain, writers)))
    }

    /// The control chain as of a place; `None` before the genesis record.
    pub(crate) fn chain_at(&self, seq: u64) -> Result<Option<ControlChain>, Error> {
        let mut chain: Option<ControlChain> = None;
        for record in self.control_records(seq)? {
            match &mut chain {
                None => chain = Some(ControlChain::from_genesis(&record).map_err(|_| damaged("segment"))?),
                Some(chain) => chain.append(&record).map_err(|_| damaged("segment"))?,
            }
        }
        Ok(chain)
    }

    /// Whether any policy of the verified log ever let contents be dropped.
    pub(crate) fn has_had_retention(&self) -> Result<bool, Error> {
        let drops = |policy: Option<Policy>| policy.is_some_and(|policy| policy.retention_seconds > 0);
        let records = self.control_records(u64::MAX)?;
        Ok(records.into_iter().any(|record| match record.body {
            Body::Genesis(genesis) => drops(genesis.policy),
            Body::SetPolicy(set) => drops(set.policy),
            _ => false,
        }))
    }

    /// Control records up to a place.
    fn control_records(&self, until: u64) -> Result<Vec<ParsedControl>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT last_seq, places, entries FROM segment WHERE space = ?1 AND is_control = 1 ORDER BY last_seq",
        )?;
        let mut rows = statement.query([self.space])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            for stored in entries_of_row(row, 0)? {
                if stored.place.at.seq > until {
                    return Ok(records);
                }
                records.push(control_of(&stored)?);
            }
        }
        Ok(records)
    }

    fn writer_rows(&self) -> Result<Vec<WriterRow>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT number, principal_id, writer_id, last_seq FROM writer WHERE space = ?1",
        )?;
        let rows = statement.query_map([self.space], |row| {
            Ok(WriterRow {
                number: row.get(0)?,
                principal_id: PrincipalId::new(row.get(1)?),
                writer_id: WriterId::new(row.get(2)?),
                last_seq: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn load_position(&self, row: &WriterRow) -> Result<WriterPosition, Error> {
        let last = self.entry_at(row.last_seq)?.ok_or_else(|| damaged("writer"))?;
        let Some(Kind::Event(event)) = last.entry.kind else {
            return Err(damaged("writer"));
        };
        let header = ParsedEvent::parse(&event).map_err(|_| damaged("segment"))?.header;
        Ok(WriterPosition {
            last_index: header.writer_index,
            last_event_id: last.place.event_id,
            seen_seq: header.seen.seq,
            control_index: header.control_index,
            recent: self.recent_events(row.number)?.into(),
        })
    }

    /// (seq, id) of a writer's last events, oldest first.
    fn recent_events(&self, writer: i64) -> Result<Vec<(u64, EventId)>, Error> {
        let mut statement = self.store.sql().prepare_cached(
            "SELECT segment.last_seq, places FROM part
             JOIN segment ON segment.space = ?1 AND segment.last_seq = part.last_seq
             WHERE writer = ?2 ORDER BY first_index DESC",
        )?;
        let mut rows = statement.query(params![self.space, writer])?;
        let mut recent = Vec::new();
        while recent.len() < limits::REMEMBERED_EVENTS_PER_WRITER {
            let Some(row) = rows.next()? else { break };
            let latest_first = Places::of_row(row)?.of_writer(writer).rev();
            recent.extend(latest_first.map(|place| (place.at.seq, place.event_id)));
        }
        recent.truncate(limits::REMEMBERED_EVENTS_PER_WRITER);
        recent.reverse();
        Ok(recent)
    }
}

fn control_of(stored: &StoredEntry) -> Result<ParsedControl, Error> {
    match &stored.entry.kind {
        Some(Kind::Control(control)) => ParsedControl::parse(control).map_err(|_| damaged("segment")),
        _ => Err(damaged("segment")),
    }
}
