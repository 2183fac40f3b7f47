//! Pages that wait are verified and kept together: a relay sends what each commit brought as a page of its own, and a
//! transaction for each costs more than checking its signatures.

use prost::Message as _;
use sealpost_protocol::wire::Page;

use crate::socket::Subscription;

/// Bytes and entries that are taken together, at most, where they came as several pages. Of the receipts of joined pages only the last one
/// is kept: healing needs one at least every [`sealpost_protocol::limits::MAX_ENTRIES_PER_HEAL`] entries.
const MOST_BYTES: usize = 128 * 1024;
const MOST_ENTRIES: usize = 256;

/// A page with those behind it that are here already and continue it; at least that one. None that is empty is joined: it is a fault.
pub(super) fn gather(first: Page, subscription: &mut Subscription) -> Vec<Page> {
    let (mut bytes, mut entries) = (first.encoded_len(), first.entries.len());
    let mut pages = vec![first];
    if entries == 0 {
        return pages;
    }
    loop {
        let next_seq = pages[0].first_seq.saturating_add(entries as u64);
        let next = subscription.next_page_if(|page| {
            bytes += page.encoded_len();
            entries += page.entries.len();
            let continues = page.first_seq == next_seq && !page.entries.is_empty();
            continues && bytes <= MOST_BYTES && entries <= MOST_ENTRIES
        });
        match next {
            Some(page) => pages.push(page),
            None => return pages,
        }
    }
}

/// One page of several that follow each other, with what the relay states of the last one's end.
pub(super) fn join(pages: &[Page]) -> Page {
    let (first, last) = (pages.first(), pages.last());
    Page {
        first_seq: first.map_or(0, |page| page.first_seq),
        entries: pages.iter().flat_map(|page| &page.entries).cloned().collect(),
        last_root: last.map_or_else(Default::default, |page| page.last_root.clone()),
        receipt: last.map_or_else(Default::default, |page| page.receipt.clone()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sealpost_protocol::wire::Entry;

    use super::*;

    fn page(first_seq: u64, entries: usize) -> Page {
        Page {
            first_seq,
            entries: vec![Entry::default(); entries],
            last_root: Bytes::copy_from_slice(&first_seq.to_be_bytes()),
            receipt: Bytes::copy_from_slice(&first_seq.to_be_bytes()),
        }
    }

    #[test]
    fn joined_pages_have_all_entries_and_the_end_of_the_last() {
        let joined = join(&[page(5, 2), page(7, 1), page(8, 3)]);
        assert_eq!((joined.first_seq, joined.entries.len()), (5, 6));
        assert_eq!(
            (joined.last_root, joined.receipt),
            (page(8, 3).last_root, page(8, 3).receipt)
        );
    }
}
