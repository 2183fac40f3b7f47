//! A log read from the database page by page: the next one is read and opened while the last one is sent.

use std::sync::Arc;

use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::root::Cursor;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::ports::{PageLimits, SpaceNumber};
use super::shared::Shared;
use super::view::View;
use super::{EncodedEntry, LogError, Page};
use crate::spaces::Party;

/// Pages that were read ahead and that nobody has taken yet, over all readers: a reader that stops keeps its own in memory.
pub(super) const PAGES_AHEAD: usize = 64;

/// Most entries in a page.
const MOST_ROWS: usize = 512;
/// Entries that are asked for before a page has shown how long they are.
const FIRST_ROWS: usize = 64;

/// What one reader reads.
pub(super) struct StoredPages {
    space_id: SpaceId,
    party: Party,
    rows: usize,
    ahead: Option<Ahead>,
}

/// A page that is being read before anybody asked for it.
struct Ahead {
    after: Cursor,
    page: JoinHandle<Result<Page, LogError>>,
    _place: OwnedSemaphorePermit,
}

/// One page to be read.
struct Reading {
    shared: Arc<Shared>,
    space_id: SpaceId,
    space: SpaceNumber,
    after: Cursor,
    limits: PageLimits,
    _seat: OwnedSemaphorePermit,
}

impl StoredPages {
    /// Nothing is read yet.
    pub(super) fn new(space_id: SpaceId, party: Party) -> Self {
        Self {
            space_id,
            party,
            rows: FIRST_ROWS,
            ahead: None,
        }
    }

    /// The entries after a cursor before the end of `view`, at least one, up to the first damaged one.
    ///
    /// May be cancelled.
    pub(super) async fn next(
        &mut self,
        shared: &Arc<Shared>,
        view: &View,
        after: Cursor,
        max_bytes: usize,
    ) -> Result<Page, LogError> {
        let page = match self.ahead.as_mut().filter(|ahead| ahead.after == after) {
            Some(ahead) => {
                let page = (&mut ahead.page).await;
                self.ahead = None;
                page.map_err(|_| LogError::Internal)??
            }
            None => {
                let seat = shared.look_ups.seat(self.party).await?;
                self.reading(shared, view, after, max_bytes, seat).read().await?
            }
        };
        self.learn(&page, max_bytes);
        self.read_ahead(shared, view, page.last, max_bytes);
        Ok(page)
    }

    /// Rows beyond those that fit are read for nothing, so about as many are asked for as fitted last time.
    fn learn(&mut self, page: &Page, max_bytes: usize) {
        let rows = usize::try_from(page.count()).unwrap_or(MOST_ROWS);
        let fitting = rows.saturating_mul(max_bytes) / page.encoded_len();
        self.rows = (fitting + fitting / 8 + 1).min(2 * self.rows).min(MOST_ROWS);
    }

    /// Begins with the next page, if there is one and room for it: else it is read when it is wanted.
    fn read_ahead(&mut self, shared: &Arc<Shared>, view: &View, after: Cursor, max_bytes: usize) {
        if after.seq >= view.head.seq {
            return;
        }
        let Ok(place) = Arc::clone(&shared.pages_ahead).try_acquire_owned() else {
            return;
        };
        let Some(seat) = shared.look_ups.free_seat(self.party) else {
            return;
        };
        let reading = self.reading(shared, view, after, max_bytes, seat);
        self.ahead = Some(Ahead {
            after,
            page: shared.work.spawn(reading.read()),
            _place: place,
        });
    }

    fn reading(
        &self,
        shared: &Arc<Shared>,
        view: &View,
        after: Cursor,
        max_bytes: usize,
        seat: OwnedSemaphorePermit,
    ) -> Reading {
        Reading {
            shared: Arc::clone(shared),
            space_id: self.space_id,
            space: view.number,
            after,
            limits: PageLimits {
                up_to: view.head.seq,
                rows: u32::try_from(self.rows).unwrap_or(u32::MAX),
                bytes: max_bytes,
            },
            _seat: seat,
        }
    }
}

impl Reading {
    async fn read(self) -> Result<Page, LogError> {
        let shared = &self.shared;
        let key = shared.space_key(self.space).await?;
        let rows = shared.store.page(self.space, self.after.seq, self.limits).await?;
        let mut entries: Vec<EncodedEntry> = Vec::with_capacity(rows.len());
        let mut last = self.after;
        for row in rows {
            let at = row.at();
            if at.seq != last.seq + 1 {
                break;
            }
            let Ok(entry) = shared.cipher.open_entry(&key, row) else {
                break;
            };
            entries.push(entry);
            last = at;
        }
        if entries.is_empty() {
            let seq = last.seq + 1;
            tracing::error!(
                space.number = self.space.0,
                entry.seq = seq,
                "a stored entry is damaged or missing"
            );
            return Err(LogError::EntryDamaged { seq });
        }
        let receipt = shared.receipt_key().await?.issue(&self.space_id, &last);
        Ok(Page::new(entries.iter(), last, &receipt))
    }
}
