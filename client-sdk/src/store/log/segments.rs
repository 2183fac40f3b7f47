//! Entries as they lie on the disk: several that follow each other in one row.
//!
//! A row for each entry cost more than checking its signature. Control records lie in segments of their own: they are read
//! again whenever a space is opened, and events are not.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes};
use prost::Message as _;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use sealpost_protocol::ids::{EventId, Root};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;

use super::damaged;
use crate::error::Error;

/// Their first form. What was kept before is carried over into them.
pub(super) const TABLES: &str = "
-- Verified entries that follow each other, as they came, each preceded by its length (a varint); control records and events never
-- together. A place has 72 bytes: root, event id, number of the writer (big-endian, 0 of a control record).
CREATE TABLE segment (
    space INTEGER NOT NULL REFERENCES space,
    last_seq INTEGER NOT NULL,
    is_control INTEGER NOT NULL,
    places BLOB NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (space, last_seq)
) STRICT;
CREATE INDEX control_segment ON segment (space, last_seq) WHERE is_control = 1;

-- Which segment (by its last place) holds a writer's events from an index on.
CREATE TABLE part (
    writer INTEGER NOT NULL REFERENCES writer,
    first_index INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (writer, first_index)
) STRICT, WITHOUT ROWID;

-- The relay's receipts for places that are verified, where it gave one for just this place.
CREATE TABLE receipt (
    space INTEGER NOT NULL REFERENCES space,
    seq INTEGER NOT NULL,
    receipt BLOB NOT NULL,
    PRIMARY KEY (space, seq)
) STRICT, WITHOUT ROWID;
";

/// Entries in one segment, at most: one of them is not read without the others.
const MOST_ENTRIES: usize = 128;
/// Bytes of a place.
const PLACE: usize = Root::LENGTH + EventId::LENGTH + size_of::<i64>();
/// In the stead of a writer's number: no row has it.
const NO_WRITER: i64 = 0;

/// A place of a verified log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The place, and the root there.
    pub(crate) at: Cursor,
    /// Which event or record stands there.
    pub(crate) event_id: EventId,
}

/// The writer of an event in this store, and the event's place in the writer's chain.
#[derive(Clone, Copy)]
pub(super) struct WriterPlace {
    pub(super) number: i64,
    pub(super) index: u64,
}

/// Puts entries of one space into segments, in the order of the log.
pub(super) struct SegmentWriter<'a> {
    sql: &'a Connection,
    space: i64,
    last_seq: u64,
    is_control: bool,
    places: Vec<u8>,
    entries: Vec<u8>,
    /// The index of each writer's first event in this segment.
    writers: BTreeMap<i64, u64>,
}

impl<'a> SegmentWriter<'a> {
    /// Nothing yet of a space.
    pub(super) fn new(sql: &'a Connection, space: i64) -> Self {
        Self {
            sql,
            space,
            last_seq: 0,
            is_control: false,
            places: Vec::new(),
            entries: Vec::new(),
            writers: BTreeMap::new(),
        }
    }

    /// Adds the next entry, encoded; no writer makes it a control record.
    pub(super) fn push(
        &mut self,
        place: &Place,
        writer: Option<WriterPlace>,
        length: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Error> {
        let is_control = writer.is_none();
        if self.is_control != is_control || self.places.len() == MOST_ENTRIES * PLACE {
            self.flush()?;
        }
        (self.is_control, self.last_seq) = (is_control, place.at.seq);
        if let Some(writer) = writer {
            self.writers.entry(writer.number).or_insert(writer.index);
        }
        self.places.put_slice(place.at.root.as_bytes());
        self.places.put_slice(place.event_id.as_bytes());
        self.places
            .put_i64(writer.map_or(NO_WRITER, |writer| writer.number));
        prost::encode_length_delimiter(length, &mut self.entries).expect("a vector grows");
        encode(&mut self.entries);
        Ok(())
    }

    /// Writes what was added and is not written yet.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        if self.places.is_empty() {
            return Ok(());
        }
        self.sql
            .prepare_cached(
                "INSERT INTO segment (space, last_seq, is_control, places, entries) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                self.space,
                self.last_seq,
                self.is_control,
                self.places,
                self.entries
            ])?;
        let mut part = self
            .sql
            .prepare_cached("INSERT INTO part (writer, first_index, last_seq) VALUES (?1, ?2, ?3)")?;
        for (writer, first_index) in std::mem::take(&mut self.writers) {
            part.execute(params![writer, first_index, self.last_seq])?;
        }
        self.places.clear();
        self.entries.clear();
        Ok(())
    }
}

/// The places of one segment.
pub(super) struct Places<'r> {
    first_seq: u64,
    bytes: &'r [[u8; PLACE]],
}

impl<'r> Places<'r> {
    /// The places of a row that begins with last place and places.
    pub(super) fn of_row(row: &'r Row<'_>) -> Result<Self, Error> {
        let last_seq: u64 = row.get(0)?;
        let (bytes, rest) = blob(row, 1)?.as_chunks();
        let first_seq = (last_seq + 1).checked_sub(bytes.len() as u64);
        match first_seq {
            Some(first_seq @ 1..) if rest.is_empty() && !bytes.is_empty() => Ok(Self { first_seq, bytes }),
            _ => Err(damaged("segment")),
        }
    }

    /// The places, in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Place> + use<'r> {
        self.numbered().map(|(place, _)| place)
    }

    /// The places of a writer's events, in order.
    pub(super) fn of_writer(&self, writer: i64) -> impl DoubleEndedIterator<Item = Place> + use<'r> {
        self.numbered()
            .filter(move |(_, number)| *number == writer)
            .map(|(place, _)| place)
    }

    /// The place with a number.
    pub(super) fn get(&self, seq: u64) -> Option<Place> {
        let offset = usize::try_from(seq.checked_sub(self.first_seq)?).ok()?;
        self.bytes.get(offset).map(|bytes| place_of(seq, bytes).0)
    }

    fn numbered(&self) -> impl DoubleEndedIterator<Item = (Place, i64)> + use<'r> {
        let (first_seq, bytes) = (self.first_seq, self.bytes);
        (0..bytes.len()).map(move |offset| place_of(first_seq + offset as u64, &bytes[offset]))
    }
}

fn place_of(seq: u64, bytes: &[u8; PLACE]) -> (Place, i64) {
    let (root, rest) = bytes.split_first_chunk().expect("a place begins with a root");
    let (event_id, writer) = rest.split_first_chunk().expect("an id follows the root");
    let place = Place {
        at: Cursor {
            seq,
            root: Root::new(*root),
        },
        event_id: EventId::new(*event_id),
    };
    let writer = writer.try_into().expect("a place ends with a number");
    (place, i64::from_be_bytes(writer))
}

/// One place of a log, verified.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredEntry {
    /// Where it stands, and its id.
    pub(crate) place: Place,
    /// What was signed.
    pub(crate) entry: wire::Entry,
    /// How long it is, encoded.
    pub(super) length: usize,
}

/// The entries behind `seq` of a row that begins with last place, places and entries.
pub(super) fn entries_of_row(row: &Row<'_>, seq: u64) -> Result<Vec<StoredEntry>, Error> {
    let places = Places::of_row(row)?;
    let mut rest = Bytes::copy_from_slice(blob(row, 2)?);
    let mut entries = Vec::with_capacity(places.bytes.len());
    for place in places.iter() {
        let length = prost::decode_length_delimiter(&mut rest).map_err(|_| damaged("segment"))?;
        if length > rest.len() {
            return Err(damaged("segment"));
        }
        let body = rest.split_to(length);
        if place.at.seq > seq {
            let entry = wire::Entry::decode(body).map_err(|_| damaged("segment"))?;
            entries.push(StoredEntry { place, entry, length });
        }
    }
    match rest.is_empty() {
        true => Ok(entries),
        false => Err(damaged("segment")),
    }
}

fn blob<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r [u8], Error> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) => Ok(bytes),
        _ => Err(damaged("segment")),
    }
}
