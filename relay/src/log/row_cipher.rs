//! Seals what the log stores to its place.

use bytes::Bytes;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{PrincipalId, SpaceId};
use sealpost_protocol::root::Cursor;

use super::EncodedEntry;
use super::ports::{EventRow, StagedWrap};
use crate::atrest::{OpenDataKey, RowAddress, RowOpenError, RowSealer};

/// Seals and opens rows of the log's tables. The space comes with the data key.
#[derive(Clone)]
pub(super) struct RowCipher {
    sealer: RowSealer,
}

impl RowCipher {
    pub(super) fn new(sealer: RowSealer) -> Self {
        Self { sealer }
    }

    /// Seals an entry to its place and the root there, so that neither can be changed in the database.
    pub(super) fn seal_entry(
        &self,
        key: &OpenDataKey,
        at: &Cursor,
        row_version: u64,
        entry: &EncodedEntry,
    ) -> Vec<u8> {
        let row_key = place_key(at);
        self.sealer
            .seal(key, &address("events", &row_key, row_version), entry.as_bytes())
    }

    /// Opens an entry, using up the row's buffer.
    pub(super) fn open_entry(&self, key: &OpenDataKey, row: EventRow) -> Result<EncodedEntry, RowOpenError> {
        let row_key = place_key(&row.at());
        self.sealer
            .open(key, &address("events", &row_key, row.row_version), row.sealed)
            .map(EncodedEntry::from_bytes)
    }

    pub(super) fn seal_snapshot(&self, key: &OpenDataKey, at: &Cursor, snapshot: &[u8]) -> Vec<u8> {
        self.sealer
            .seal(key, &address("space_snapshots", &place_key(at), 0), snapshot)
    }

    pub(super) fn open_snapshot(
        &self,
        key: &OpenDataKey,
        at: &Cursor,
        sealed: Vec<u8>,
    ) -> Result<Bytes, RowOpenError> {
        self.sealer
            .open(key, &address("space_snapshots", &place_key(at), 0), sealed)
    }

    pub(super) fn seal_wrap(&self, key: &OpenDataKey, place: &WrapPlace<'_>, wrap: &[u8]) -> Vec<u8> {
        self.sealer
            .seal(key, &address("wraps", &place.row_key(), 0), wrap)
    }

    pub(super) fn open_wrap(
        &self,
        key: &OpenDataKey,
        place: &WrapPlace<'_>,
        sealed: Vec<u8>,
    ) -> Result<Bytes, RowOpenError> {
        self.sealer
            .open(key, &address("wraps", &place.row_key(), 0), sealed)
    }

    /// Seals a signal for its way to other relays.
    pub(super) fn seal_signal(&self, key: &OpenDataKey, space_id: &SpaceId, signal: &[u8]) -> Vec<u8> {
        self.sealer
            .seal(key, &address("bus.signals", space_id.as_bytes(), 0), signal)
    }

    /// Opens a signal that another relay has sealed.
    pub(super) fn open_signal(
        &self,
        key: &OpenDataKey,
        space_id: &SpaceId,
        sealed: Vec<u8>,
    ) -> Result<Bytes, RowOpenError> {
        self.sealer
            .open(key, &address("bus.signals", space_id.as_bytes(), 0), sealed)
    }
}

/// Which wrap a row holds.
pub(super) struct WrapPlace<'a> {
    pub(super) staged: &'a StagedWrap,
    pub(super) recipient: &'a PrincipalId,
    pub(super) wrap_hash: &'a Digest32,
}

impl WrapPlace<'_> {
    /// All parts have a fixed length.
    fn row_key(&self) -> Vec<u8> {
        [
            &self.staged.epoch.to_be_bytes()[..],
            self.staged.key_id.as_bytes(),
            self.staged.staged_by.as_bytes(),
            self.recipient.as_bytes(),
            self.wrap_hash,
        ]
        .concat()
    }
}

fn place_key(at: &Cursor) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&at.seq.to_be_bytes());
    key[8..].copy_from_slice(at.root.as_bytes());
    key
}

fn address<'a>(table: &'static str, row_key: &'a [u8], row_version: u64) -> RowAddress<'a> {
    RowAddress {
        table,
        row_key,
        row_version,
    }
}
