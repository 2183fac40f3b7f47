//! Entries as they are kept in memory, sealed at rest and sent: encoded once.

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use prost::encoding::{WireType, bytes as bytes_field, decode_varint, encode_key, encode_varint, uint64};
use sealpost_protocol::ids::Receipt;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;

const FIRST_SEQ: u32 = 1;
const ENTRIES: u32 = 2;
const LAST_ROOT: u32 = 3;
const RECEIPT: u32 = 4;

/// One entry, encoded as an element of `Page.entries`: field key, length, message. So entries put one behind the
/// other are the encoding of a list, and each alone that of a `Page` with one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEntry(Bytes);

impl EncodedEntry {
    /// Encodes `entry`; its payload is copied, so that the frame it came in need not be kept.
    #[must_use]
    pub fn encode(entry: &wire::Entry) -> Self {
        let length = entry.encoded_len();
        let mut buffer = Vec::with_capacity(1 + prost::length_delimiter_len(length) + length);
        encode_key(ENTRIES, WireType::LengthDelimited, &mut buffer);
        encode_varint(length as u64, &mut buffer);
        entry.encode_raw(&mut buffer);
        Self(buffer.into())
    }

    /// Takes back what [`Self::as_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The encoding.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The entry, sharing this buffer; `None` if the bytes are not exactly one entry.
    #[must_use]
    pub fn decode(&self) -> Option<wire::Entry> {
        let mut page = wire::Page::decode(self.0.clone()).ok()?;
        let entry = page.entries.pop()?;
        (page == wire::Page::default()).then_some(entry)
    }
}

/// An entry and its place.
#[derive(Clone, Debug)]
pub(super) struct PlacedEntry {
    pub(super) at: Cursor,
    pub(super) encoded: EncodedEntry,
}

impl PlacedEntry {
    /// Length of the encoded entry, in bytes.
    pub(super) fn length(&self) -> usize {
        self.encoded.0.len()
    }
}

/// A run of consecutive entries for readers: a `Page` message, all but its first field encoded once for all of them.
#[derive(Clone, Debug)]
pub struct Page {
    /// Place of the first entry.
    pub first_seq: u64,
    /// Place of the last entry, and the root there.
    pub last: Cursor,
    /// What follows `first_seq` in the message. Its end is the same wherever a page begins.
    rest: Bytes,
}

impl Page {
    /// A page of entries that lead up to `last`, where there is at least one, with the relay's receipt for that place.
    #[must_use]
    pub fn new<'a, E>(entries: E, last: Cursor, receipt: &Receipt) -> Self
    where
        E: ExactSizeIterator<Item = &'a EncodedEntry> + Clone,
    {
        let first_seq = last.seq + 1 - entries.len() as u64;
        let (last_root, receipt) = (last.root.to_bytes(), receipt.to_bytes());
        let bytes: usize = entries.clone().map(|entry| entry.0.len()).sum();
        let end =
            bytes_field::encoded_len(LAST_ROOT, &last_root) + bytes_field::encoded_len(RECEIPT, &receipt);
        let mut rest = Vec::with_capacity(bytes + end);
        for entry in entries {
            rest.extend_from_slice(&entry.0);
        }
        bytes_field::encode(LAST_ROOT, &last_root, &mut rest);
        bytes_field::encode(RECEIPT, &receipt, &mut rest);
        Self {
            first_seq,
            last,
            rest: rest.into(),
        }
    }

    /// How many entries it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.last.seq + 1 - self.first_seq
    }

    /// The entries.
    #[cfg(test)]
    pub(super) fn entries(&self) -> Vec<EncodedEntry> {
        let mut rest = self.rest.clone();
        (0..self.count())
            .map_while(|_| Some(EncodedEntry(rest.split_to(first_length(&rest)?))))
            .collect()
    }

    /// The receipt for its last place.
    #[cfg(test)]
    pub(super) fn receipt(&self) -> Receipt {
        Receipt::new(*self.rest.last_chunk().unwrap())
    }

    /// What of it stands behind the place `after`; `None` if nothing does, or if it does not lead up to that place.
    pub(super) fn after(&self, after: u64) -> Option<Self> {
        let skipped = (after + 1).checked_sub(self.first_seq)?;
        if after >= self.last.seq {
            return None;
        }
        let mut rest = self.rest.clone();
        for _ in 0..skipped {
            rest.advance(first_length(&rest)?);
        }
        Some(Self {
            first_seq: after + 1,
            rest,
            ..*self
        })
    }

    /// Length of the `Page` message, in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        uint64::encoded_len(FIRST_SEQ, &self.first_seq) + self.rest.len()
    }

    /// Writes the beginning of the `Page` message, which [`Self::rest`] completes.
    pub fn encode_first(&self, buffer: &mut impl BufMut) {
        uint64::encode(FIRST_SEQ, &self.first_seq, buffer);
    }

    /// All of the message but its first field. Its bytes are shared with other readers.
    #[must_use]
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }
}

/// Length of the entry that `bytes` begins with.
fn first_length(bytes: &Bytes) -> Option<usize> {
    let mut behind_key = bytes.get(1..)?;
    let length = usize::try_from(decode_varint(&mut behind_key).ok()?).ok()?;
    let length = bytes.len().checked_sub(behind_key.len())?.checked_add(length)?;
    (length <= bytes.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::ids::Root;

    use super::*;

    fn entry(size: usize) -> wire::Entry {
        let event = wire::SignedEvent {
            header: Bytes::from_static(b"header"),
            ciphertext: vec![7; size].into(),
            signature: vec![9; 64].into(),
            ..wire::SignedEvent::default()
        };
        wire::Entry {
            kind: Some(wire::entry::Kind::Event(event)),
        }
    }

    fn page(entries: &[wire::Entry]) -> Page {
        let encoded: Vec<_> = entries.iter().map(EncodedEntry::encode).collect();
        let last = Cursor {
            seq: 7,
            root: Root::new([1; 32]),
        };
        Page::new(encoded.iter(), last, &Receipt::new([2; 32]))
    }

    fn encoded(page: &Page) -> Vec<u8> {
        let mut encoded = Vec::new();
        page.encode_first(&mut encoded);
        encoded.extend_from_slice(page.rest());
        encoded
    }

    fn message(first_seq: u64, entries: &[wire::Entry]) -> wire::Page {
        wire::Page {
            first_seq,
            entries: entries.to_vec(),
            last_root: vec![1; 32].into(),
            receipt: vec![2; 32].into(),
        }
    }

    #[test]
    fn a_page_of_encoded_entries_is_the_page_message() {
        let entries = [entry(0), entry(100), entry(70_000)];
        let page = page(&entries);
        assert_eq!((page.first_seq, page.count()), (5, 3));
        assert_eq!(encoded(&page).len(), page.encoded_len());
        assert_eq!(encoded(&page), message(5, &entries).encode_to_vec());
        let decoded: Vec<_> = page.entries().iter().filter_map(EncodedEntry::decode).collect();
        assert_eq!(decoded, entries);
    }

    #[test]
    fn what_stands_behind_a_place_is_a_page_of_its_own() {
        let entries = [entry(0), entry(200), entry(70_000)];
        let page = page(&entries);
        for (after, skipped) in [(4, 0), (5, 1), (6, 2)] {
            let part = page.after(after).unwrap();
            assert_eq!(
                encoded(&part),
                message(after + 1, &entries[skipped..]).encode_to_vec()
            );
        }
        for after in [3, 7, 8] {
            assert!(page.after(after).is_none(), "{after}");
        }
    }

    #[test]
    fn an_encoded_entry_decodes_to_itself() {
        assert_eq!(EncodedEntry::encode(&entry(300)).decode(), Some(entry(300)));
    }

    #[test]
    fn other_bytes_are_no_entry() {
        let twice = [
            EncodedEntry::encode(&entry(1)).0,
            EncodedEntry::encode(&entry(1)).0,
        ]
        .concat();
        let with_seq = [&EncodedEntry::encode(&entry(1)).0[..], &[8, 1]].concat();
        for bytes in [twice, with_seq, vec![], vec![0xff; 9]] {
            assert_eq!(EncodedEntry::from_bytes(bytes.into()).decode(), None);
        }
    }
}
