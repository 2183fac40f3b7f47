//! Reading a log: a cursor, nothing more.

use std::fmt;
use std::sync::Arc;

use sealpost_protocol::ids::{PrincipalId, Receipt};
use sealpost_protocol::root::Cursor;
use tokio::sync::watch;

use super::ports::PageLimits;
use super::ring::Slice;
use super::shared::{RETRY_SOON, Shared};
use super::space::Space;
use super::view::View;
use super::{EncodedEntry, LogError, Page, Signals};
use crate::spaces::Party;

/// Most entries in a page that is read from the database.
const PAGE_ROWS: u32 = 512;

/// The end of a log when a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last place and its root.
    pub cursor: Cursor,
    /// The relay's receipt for it; `None` where the log is damaged before it.
    pub receipt: Option<Receipt>,
    /// Whether the space was restored and waits for healers.
    pub recovering: bool,
}

/// What a subscriber gets.
#[derive(Debug)]
pub struct Subscription {
    /// Where the log ends now.
    pub head: Head,
    /// Its entries, from the cursor on.
    pub reader: Reader,
    /// What is signalled from now on.
    pub signals: Signals,
}

/// Pulls a log page by page, stored and live alike. Costs some hundred bytes while it waits.
pub struct Reader {
    shared: Arc<Shared>,
    space: Arc<Space>,
    principal: PrincipalId,
    party: Party,
    cursor: Cursor,
    ends: watch::Receiver<Option<View>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("space", &self.space.id)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader of an open space, whose ends it hears of, at a cursor that is on its log.
    pub(super) fn new(
        shared: Arc<Shared>,
        space: Arc<Space>,
        ends: watch::Receiver<Option<View>>,
        (principal, party): (PrincipalId, Party),
        cursor: Cursor,
    ) -> Self {
        Self {
            shared,
            space,
            principal,
            party,
            cursor,
            ends,
        }
    }

    /// Where the next page begins: after this place.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns once [`Self::next_page`] has something to say: an entry, or that the subscription has ended.
    ///
    /// A socket waits here for all its subscriptions at once and then fetches for one at a time, so waiting costs
    /// nothing but memory: no database connection, no page. May be cancelled.
    pub async fn readable(&mut self) {
        // What ends the subscription is told by `next_page`.
        let _ = self.wait().await;
    }

    /// The entries after the last page, as soon as there is one: as many as fit into `max_bytes` (of entries), at
    /// least one.
    ///
    /// May be cancelled: the cursor moves only when a page is returned. Must not be left half polled, because it may
    /// hold a database connection.
    ///
    /// # Errors
    /// The subscription has ended: [`LogError::NotAMember`] after a removal, [`LogError::EntryDamaged`] at an entry
    /// that cannot be served (all before it were), [`LogError::LogMismatch`] after the log was taken back,
    /// [`LogError::Tombstoned`]; or a passing failure, after which the same call may be made again.
    pub async fn next_page(&mut self, max_bytes: usize) -> Result<Page, LogError> {
        let view = self.wait().await?;
        let tail = self.space.tail(self.cursor.seq, view.head.seq, max_bytes);
        let (slice, from_memory) = match tail {
            Some(slice) => (slice, true),
            None => (self.read(&view, max_bytes).await?, false),
        };
        let key = self.shared.receipt_key().await?;
        let page = Page {
            first_seq: self.cursor.seq + 1,
            receipt: key.issue(&self.space.id, &slice.last),
            entries: slice.entries,
            last: slice.last,
        };
        self.cursor = page.last;
        self.shared
            .observer
            .page_read(page.entries.len(), page.encoded_len(), from_memory);
        Ok(page)
    }

    /// Waits until the log goes on after the cursor, for somebody who may read it there.
    async fn wait(&mut self) -> Result<View, LogError> {
        loop {
            if let Some(view) = self.next_view()? {
                return Ok(view);
            }
            let retry_after = RETRY_SOON;
            let ended = self.ends.changed().await;
            ended.map_err(|_| LogError::Draining { retry_after })?;
        }
    }

    /// The newest end, if it is after the cursor. An entry is delivered under the membership folded through it or
    /// through a later one.
    fn next_view(&mut self) -> Result<Option<View>, LogError> {
        let view = self.ends.borrow_and_update().clone().ok_or(LogError::Internal)?;
        view.check_lives()?;
        if !view.membership.contains(&self.principal) {
            return Err(LogError::NotAMember);
        }
        if view.head.seq > self.cursor.seq {
            return Ok(Some(view));
        }
        if view.head != self.cursor {
            return Err(LogError::LogMismatch);
        }
        view.end.map_or(Ok(None), Err)
    }

    /// Entries from the database, up to the first damaged one.
    async fn read(&self, view: &View, max_bytes: usize) -> Result<Slice, LogError> {
        let limits = PageLimits {
            up_to: view.head.seq,
            rows: PAGE_ROWS,
            bytes: max_bytes,
        };
        let _seat = self.shared.look_ups.seat(self.party).await?;
        let key = self.shared.space_key(view.number).await?;
        let rows = self
            .shared
            .store
            .page(view.number, self.cursor.seq, limits)
            .await?;
        let mut entries: Vec<EncodedEntry> = Vec::with_capacity(rows.len());
        let mut last = self.cursor;
        for row in rows {
            let at = row.at();
            if at.seq != last.seq + 1 {
                break;
            }
            let Ok(entry) = self.shared.cipher.open_entry(&key, row) else {
                break;
            };
            entries.push(entry);
            last = at;
        }
        if entries.is_empty() {
            let seq = last.seq + 1;
            tracing::error!(
                space.number = view.number.0,
                entry.seq = seq,
                "a stored entry is damaged or missing"
            );
            return Err(LogError::EntryDamaged { seq });
        }
        Ok(Slice { entries, last })
    }
}
