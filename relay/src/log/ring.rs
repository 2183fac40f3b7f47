//! The newest entries of a space, in memory, for readers at the live edge.

use std::collections::VecDeque;

use sealpost_protocol::root::Cursor;

use super::EncodedEntry;

/// What an entry takes beside its bytes: itself, in a queue that may be twice as long; the count of those who share
/// the bytes; what the allocator adds to both.
const OVERHEAD: usize = 2 * size_of::<PlacedEntry>() + 64;

/// An entry and its place.
#[derive(Clone, Debug)]
pub(super) struct PlacedEntry {
    pub(super) at: Cursor,
    pub(super) encoded: EncodedEntry,
}

impl PlacedEntry {
    /// What it takes in memory, about: with small entries the rest is as large as they are.
    pub(super) fn bytes(&self) -> usize {
        self.encoded.as_bytes().len() + OVERHEAD
    }
}

/// A run of consecutive entries up to the end of the log.
#[derive(Debug, Default)]
pub(super) struct Ring {
    entries: VecDeque<PlacedEntry>,
}

/// What a reader takes from the ring.
pub(super) struct Slice {
    pub(super) entries: Vec<EncodedEntry>,
    pub(super) last: Cursor,
}

impl Ring {
    /// Adds the log's next entry. What is held and does not lead up to it is dropped.
    pub(super) fn push(&mut self, entry: PlacedEntry) {
        let follows = |last: &PlacedEntry| last.at.seq + 1 == entry.at.seq;
        if !self.entries.back().is_some_and(follows) {
            self.entries.clear();
        }
        self.entries.push_back(entry);
    }

    /// Drops all entries up to the place `seq`.
    pub(super) fn drop_up_to(&mut self, seq: u64) {
        while self.entries.front().is_some_and(|entry| entry.at.seq <= seq) {
            self.entries.pop_front();
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entries after the place `after`, up to the place `up_to`: as many as fit into `max_bytes`, at least one. `None`
    /// if the ring does not hold the next one.
    pub(super) fn after(&self, after: u64, up_to: u64, max_bytes: usize) -> Option<Slice> {
        let first = self.entries.front()?.at.seq;
        let skipped = usize::try_from(after.checked_add(1)?.checked_sub(first)?).ok()?;
        let mut room = max_bytes;
        let mut slice = Slice {
            entries: Vec::new(),
            last: self.entries.get(skipped)?.at,
        };
        for entry in self.entries.iter().skip(skipped) {
            let is_first = slice.entries.is_empty();
            let bytes = entry.encoded.as_bytes().len();
            if entry.at.seq > up_to || (!is_first && bytes > room) {
                break;
            }
            room = room.saturating_sub(bytes);
            slice.entries.push(entry.encoded.clone());
            slice.last = entry.at;
        }
        (!slice.entries.is_empty()).then_some(slice)
    }
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::ids::Root;

    use super::*;

    fn ring(seqs: impl IntoIterator<Item = u64>) -> Ring {
        let mut ring = Ring::default();
        for seq in seqs {
            ring.push(entry(seq));
        }
        ring
    }

    fn entry(seq: u64) -> PlacedEntry {
        PlacedEntry {
            at: Cursor {
                seq,
                root: Root::new([u8::try_from(seq).unwrap(); 32]),
            },
            encoded: EncodedEntry::from_bytes(vec![0; 10].into()),
        }
    }

    fn taken(ring: &Ring, after: u64, max_bytes: usize) -> Option<(usize, u64)> {
        ring.after(after, 8, max_bytes)
            .map(|slice| (slice.entries.len(), slice.last.seq))
    }

    #[test]
    fn a_slice_is_as_long_as_fits_and_never_empty() {
        let ring = ring(5..=9);
        assert_eq!(taken(&ring, 4, 35), Some((3, 7)));
        assert_eq!(taken(&ring, 6, 25), Some((2, 8)));
        assert_eq!(taken(&ring, 6, 1), Some((1, 7)));
    }

    #[test]
    fn a_cursor_off_the_ring_gets_nothing() {
        let mut ring = ring(5..=9);
        assert_eq!(taken(&ring, 3, 1000), None);
        assert_eq!(taken(&ring, 9, 1000), None);
        assert_eq!(taken(&ring, u64::MAX, 1000), None);
        ring.drop_up_to(7);
        assert_eq!(taken(&ring, 6, 1000), None);
        assert_eq!(taken(&ring, 7, 1000), Some((1, 8)));
    }

    #[test]
    fn a_slice_ends_where_the_reader_may_read_to() {
        assert_eq!(taken(&ring(5..=9), 4, 1000), Some((4, 8)));
        assert_eq!(taken(&ring(5..=9), 8, 1000), None);
    }

    #[test]
    fn an_entry_that_does_not_follow_drops_the_ones_before() {
        let ring = ring([5, 6, 8]);
        assert_eq!(taken(&ring, 4, 1000), None);
        assert_eq!(taken(&ring, 7, 1000), Some((1, 8)));
    }
}
