//! Entries as they are kept in memory, sealed at rest and sent: encoded once.

use bytes::{BufMut, Bytes};
use prost::Message;
use prost::encoding::{WireType, bytes as bytes_field, encode_key, encode_varint, uint64};
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

/// A run of consecutive entries for one reader.
#[derive(Clone, Debug)]
pub struct Page {
    /// Place of the first entry.
    pub first_seq: u64,
    /// The entries, in order. Their bytes are shared with all other readers.
    pub entries: Vec<EncodedEntry>,
    /// Place of the last entry, and the root there.
    pub last: Cursor,
    /// The relay's receipt for `last`.
    pub receipt: Receipt,
}

impl Page {
    /// Length of the `Page` message, in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let entries: usize = self.entries.iter().map(|entry| entry.0.len()).sum();
        uint64::encoded_len(FIRST_SEQ, &self.first_seq)
            + entries
            + bytes_field::encoded_len(LAST_ROOT, &self.last.root.to_bytes())
            + bytes_field::encoded_len(RECEIPT, &self.receipt.to_bytes())
    }

    /// Writes the `Page` message: [`Self::encoded_len`] bytes, with neither key nor length before them.
    pub fn encode(&self, buffer: &mut impl BufMut) {
        uint64::encode(FIRST_SEQ, &self.first_seq, buffer);
        for entry in &self.entries {
            buffer.put_slice(&entry.0);
        }
        bytes_field::encode(LAST_ROOT, &self.last.root.to_bytes(), buffer);
        bytes_field::encode(RECEIPT, &self.receipt.to_bytes(), buffer);
    }
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

    #[test]
    fn a_page_of_encoded_entries_is_the_page_message() {
        let entries = [entry(0), entry(100), entry(70_000)];
        let page = Page {
            first_seq: 5,
            entries: entries.iter().map(EncodedEntry::encode).collect(),
            last: Cursor {
                seq: 7,
                root: Root::new([1; 32]),
            },
            receipt: Receipt::new([2; 32]),
        };
        let message = wire::Page {
            first_seq: 5,
            entries: entries.to_vec(),
            last_root: vec![1; 32].into(),
            receipt: vec![2; 32].into(),
        };
        let mut encoded = Vec::new();
        page.encode(&mut encoded);
        assert_eq!(encoded.len(), page.encoded_len());
        assert_eq!(encoded, message.encode_to_vec());
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
