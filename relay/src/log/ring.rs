//! The newest pages of a space, in memory, for readers at the live edge.

use std::collections::VecDeque;

use sealpost_protocol::ids::Receipt;
use sealpost_protocol::root::Cursor;

use super::page::{Page, PlacedEntry};

/// Most bytes of entries in a page of several.
const PAGE_BYTES: usize = 32 << 10;
/// What a page takes beside its bytes: itself, in a queue that may be twice as long; the count of those who share the
/// bytes; what the allocator adds to both.
const OVERHEAD: usize = 2 * size_of::<Page>() + 64;

/// A run of consecutive pages up to the end of the log.
#[derive(Debug, Default)]
pub(super) struct Ring {
    pages: VecDeque<Page>,
}

/// The pages that entries make which were committed together, each with the receipt for its end: encoded once, whoever reads
/// them.
pub(super) fn paged(entries: &[PlacedEntry], receipt: impl Fn(&Cursor) -> Receipt) -> Vec<Page> {
    let mut bytes = 0;
    let runs = entries.chunk_by(|entry, next| {
        bytes += entry.length();
        let fits = bytes + next.length() <= PAGE_BYTES;
        if !fits {
            bytes = 0;
        }
        fits
    });
    let pages = runs.filter_map(|run| {
        let last = run.last()?.at;
        let entries = run.iter().map(|entry| &entry.encoded);
        Some(Page::new(entries, last, &receipt(&last)))
    });
    pages.collect()
}

/// What a page takes in memory, about: with small entries the rest is as large as they are.
pub(super) fn bytes_of(page: &Page) -> usize {
    page.encoded_len() + OVERHEAD
}

impl Ring {
    /// Adds the log's next page. What is held and does not lead up to it is dropped.
    pub(super) fn push(&mut self, page: Page) {
        let follows = |last: &Page| last.last.seq + 1 == page.first_seq;
        if !self.pages.back().is_some_and(follows) {
            self.pages.clear();
        }
        self.pages.push_back(page);
    }

    /// Drops all pages up to the place `seq`.
    pub(super) fn drop_up_to(&mut self, seq: u64) {
        while self.pages.front().is_some_and(|page| page.last.seq <= seq) {
            self.pages.pop_front();
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.pages.clear();
    }

    /// The pages after the place `after`, up to the place `up_to`: as many as fit into `max_bytes`. None if the ring does not
    /// hold the next entry, or only in a page that is too long.
    pub(super) fn after(&self, after: u64, up_to: u64, max_bytes: usize) -> Vec<Page> {
        let first = self.pages.partition_point(|page| page.last.seq <= after);
        let mut room = max_bytes;
        let mut next = after;
        let mut pages = Vec::new();
        for page in self.pages.range(first..) {
            if page.last.seq > up_to || page.encoded_len() > room {
                break;
            }
            let Some(page) = page.after(next) else {
                break;
            };
            room -= page.encoded_len();
            next = page.last.seq;
            pages.push(page);
        }
        pages
    }
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::ids::Root;
    use sealpost_protocol::wire;

    use super::*;
    use crate::log::EncodedEntry;

    fn entry(seq: u64, ciphertext: usize) -> PlacedEntry {
        let event = wire::SignedEvent {
            ciphertext: vec![7; ciphertext].into(),
            ..wire::SignedEvent::default()
        };
        let entry = wire::Entry {
            kind: Some(wire::entry::Kind::Event(event)),
        };
        PlacedEntry {
            at: Cursor {
                seq,
                root: Root::new([u8::try_from(seq).unwrap(); 32]),
            },
            encoded: EncodedEntry::encode(&entry),
        }
    }

    fn receipt(at: &Cursor) -> Receipt {
        Receipt::new([u8::try_from(at.seq).unwrap(); 32])
    }

    /// Commits of these places, one page each.
    fn ring(commits: &[std::ops::RangeInclusive<u64>]) -> Ring {
        let mut ring = Ring::default();
        for commit in commits {
            let entries: Vec<_> = commit.clone().map(|seq| entry(seq, 10)).collect();
            for page in paged(&entries, receipt) {
                ring.push(page);
            }
        }
        ring
    }

    /// First and last places of the pages.
    fn taken(ring: &Ring, after: u64, up_to: u64, max_bytes: usize) -> Vec<(u64, u64)> {
        let pages = ring.after(after, up_to, max_bytes);
        pages.iter().map(|page| (page.first_seq, page.last.seq)).collect()
    }

    #[test]
    fn a_reader_gets_whole_pages_as_far_as_they_fit() {
        let ring = ring(&[5..=6, 7..=7, 8..=9]);
        let two = ring.pages[0].encoded_len() + ring.pages[1].encoded_len();
        assert_eq!(taken(&ring, 4, 9, 1000), [(5, 6), (7, 7), (8, 9)]);
        assert_eq!(taken(&ring, 4, 9, two), [(5, 6), (7, 7)]);
        assert_eq!(taken(&ring, 4, 9, 10), []);
    }

    #[test]
    fn a_reader_in_the_middle_of_a_page_gets_the_rest_of_it() {
        let ring = ring(&[5..=8, 9..=9]);
        assert_eq!(taken(&ring, 6, 9, 1000), [(7, 8), (9, 9)]);
        assert_eq!(ring.after(6, 9, 1000)[0].receipt(), receipt(&ring.pages[0].last));
    }

    #[test]
    fn a_cursor_off_the_ring_gets_nothing() {
        let mut ring = ring(&[5..=6, 7..=9]);
        for after in [3, 9, u64::MAX - 1] {
            assert_eq!(taken(&ring, after, u64::MAX, 1000), [], "{after}");
        }
        ring.drop_up_to(7);
        assert_eq!(taken(&ring, 5, 9, 1000), []);
        assert_eq!(taken(&ring, 7, 9, 1000), [(8, 9)]);
    }

    #[test]
    fn nothing_is_served_beyond_the_end_that_a_reader_knows() {
        let ring = ring(&[5..=6, 7..=9]);
        assert_eq!(taken(&ring, 4, 6, 1000), [(5, 6)]);
        assert_eq!(taken(&ring, 6, 6, 1000), []);
    }

    #[test]
    fn a_page_that_does_not_follow_drops_the_ones_before() {
        let ring = ring(&[5..=6, 8..=8]);
        assert_eq!(taken(&ring, 4, 8, 1000), []);
        assert_eq!(taken(&ring, 7, 8, 1000), [(8, 8)]);
    }

    #[test]
    fn entries_of_one_commit_share_pages_of_a_bounded_length() {
        let entries: Vec<_> = (1..=100).map(|seq| entry(seq, 1000)).collect();
        let pages = paged(&entries, receipt);
        assert!((4..=5).contains(&pages.len()), "{}", pages.len());
        assert!(pages.iter().all(|page| page.encoded_len() < PAGE_BYTES + 100));
        let all: Vec<_> = pages.iter().flat_map(Page::entries).collect();
        assert!(all.iter().eq(entries.iter().map(|entry| &entry.encoded)));
        let long = [entry(1, 100_000), entry(2, 100_000)];
        assert_eq!(paged(&long, receipt).len(), 2);
    }
}
