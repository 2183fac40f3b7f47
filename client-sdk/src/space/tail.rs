//! The end of the verified log in memory: who reads along takes events as they were verified, and not from the disk again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::root::Cursor;

/// Bytes that are kept of one space, about: several of the transactions that a replay makes. Who is further behind reads from
/// the disk.
const MOST_BYTES: usize = 1024 * 1024;

/// An event and its place in a verified log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlacedEvent {
    pub(crate) at: Cursor,
    pub(crate) event: ParsedEvent,
}

/// Entries that follow each other, verified and on the disk.
#[derive(Debug, Default)]
pub(crate) struct FreshPage {
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    /// How long they are.
    pub(crate) bytes: usize,
    /// Those of the entries that are events.
    pub(crate) events: Vec<Arc<PlacedEvent>>,
}

/// The last pages. None are kept while nobody reads.
#[derive(Default)]
pub(crate) struct Tail {
    pages: Mutex<Pages>,
    readers: Arc<()>,
}

#[derive(Default)]
struct Pages {
    pages: VecDeque<FreshPage>,
    bytes: usize,
}

/// Held by who reads.
pub(crate) struct Reading(#[expect(dead_code, reason = "it is counted")] Arc<()>);

impl Tail {
    /// Pages are kept from here on.
    pub(crate) fn begin_reading(&self) -> Reading {
        Reading(Arc::clone(&self.readers))
    }

    /// Adds what was verified last, once it is on the disk.
    pub(crate) fn push(&self, page: FreshPage) {
        let is_read = Arc::strong_count(&self.readers) > 1;
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        match is_read {
            true => pages.push(page),
            false => *pages = Pages::default(),
        }
    }

    /// The events behind a place and up to where they reach; `None` if the next entry is not here.
    pub(crate) fn behind(&self, seq: u64) -> Option<(u64, Vec<Arc<PlacedEvent>>)> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (pages.pages.front()?, pages.pages.back()?);
        if !(first.first_seq..=last.last_seq).contains(&(seq + 1)) {
            return None;
        }
        let of_pages = pages.pages.iter().filter(|page| page.last_seq > seq);
        let events = of_pages.flat_map(|page| &page.events);
        let behind = events.filter(|placed| placed.at.seq > seq);
        Some((last.last_seq, behind.map(Arc::clone).collect()))
    }
}

impl Pages {
    fn push(&mut self, page: FreshPage) {
        // Another process of this home may have verified what is between.
        if self
            .pages
            .back()
            .is_some_and(|last| last.last_seq + 1 != page.first_seq)
        {
            *self = Self::default();
        }
        self.bytes += page.bytes;
        self.pages.push_back(page);
        while self.bytes > MOST_BYTES {
            let Some(oldest) = self.pages.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(first_seq: u64, last_seq: u64, bytes: usize) -> FreshPage {
        FreshPage {
            first_seq,
            last_seq,
            bytes,
            events: Vec::new(),
        }
    }

    fn reach(tail: &Tail, seq: u64) -> Option<u64> {
        tail.behind(seq).map(|(last, _)| last)
    }

    #[test]
    fn pages_are_kept_while_somebody_reads_and_no_longer() {
        let tail = Tail::default();
        tail.push(page(1, 5, 1));
        assert_eq!(reach(&tail, 0), None);
        let reading = tail.begin_reading();
        tail.push(page(6, 7, 1));
        assert_eq!(
            (reach(&tail, 5), reach(&tail, 4), reach(&tail, 7)),
            (Some(7), None, None)
        );
        drop(reading);
        tail.push(page(8, 9, 1));
        assert_eq!((reach(&tail, 5), reach(&tail, 7)), (None, None));
    }

    #[test]
    fn a_gap_and_too_many_bytes_let_go_of_what_was_before() {
        let tail = Tail::default();
        let _reading = tail.begin_reading();
        tail.push(page(1, 5, 1));
        tail.push(page(6, 7, MOST_BYTES));
        assert_eq!((reach(&tail, 0), reach(&tail, 5)), (None, Some(7)));
        tail.push(page(9, 10, 1));
        assert_eq!((reach(&tail, 6), reach(&tail, 8)), (None, Some(10)));
        tail.push(page(11, 11, MOST_BYTES + 1));
        assert_eq!((reach(&tail, 8), reach(&tail, 10)), (None, None));
    }
}
