//! Reading a log: a cursor, nothing more.

use std::fmt;
use std::sync::Arc;

use sealpost_protocol::ids::{PrincipalId, Receipt};
use sealpost_protocol::root::Cursor;
use tokio::sync::watch;

use super::shared::{RETRY_SOON, Shared};
use super::space::Space;
use super::stored_pages::StoredPages;
use super::view::View;
use super::{LogError, Page, Signals};
use crate::spaces::Party;

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
    /// `None` while memory has what comes next.
    stored: Option<Box<StoredPages>>,
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
            stored: None,
        }
    }

    /// Where the next page begins: after this place.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns once [`Self::next_pages`] has something to say: an entry, or that the subscription has ended.
    ///
    /// A socket waits here for all its subscriptions at once and then fetches for one at a time, so waiting costs
    /// nothing but memory: no database connection, no page. May be cancelled.
    pub async fn readable(&mut self) {
        // What ends the subscription is told by `next_pages`.
        let _ = self.wait().await;
    }

    /// The entries after the last page that memory has now, as pages that others read too: as many as fit into `max_bytes`.
    /// Empty if there is nothing to read, or if it is [`Self::next_pages`] that must read it.
    ///
    /// # Errors
    /// Those of [`Self::next_pages`]; they are final.
    pub fn pages_from_memory(&mut self, max_bytes: usize) -> Result<Vec<Page>, LogError> {
        Ok(match self.next_view()? {
            Some(view) => self.tail(&view, max_bytes),
            None => Vec::new(),
        })
    }

    /// The entries after the last page, as soon as there is one: as many as fit into `max_bytes`, at least one.
    ///
    /// May be cancelled: the cursor moves only when a page is returned. Must not be left half polled, because it may
    /// hold a database connection.
    ///
    /// # Errors
    /// The subscription has ended: [`LogError::NotAMember`] after a removal, [`LogError::EntryDamaged`] at an entry
    /// that cannot be served (all before it were), [`LogError::LogMismatch`] after the log was taken back,
    /// [`LogError::Tombstoned`]; or a passing failure, after which the same call may be made again.
    pub async fn next_pages(&mut self, max_bytes: usize) -> Result<Vec<Page>, LogError> {
        let view = self.wait().await?;
        let pages = self.tail(&view, max_bytes);
        if !pages.is_empty() {
            return Ok(pages);
        }
        let (space_id, party) = (self.space.id, self.party);
        let stored = self
            .stored
            .get_or_insert_with(|| Box::new(StoredPages::new(space_id, party)));
        let page = stored.next(&self.shared, &view, self.cursor, max_bytes).await?;
        self.cursor = page.last;
        if self.cursor == view.head {
            self.stored = None;
        }
        self.observe(&page, false);
        Ok(vec![page])
    }

    fn tail(&mut self, view: &View, max_bytes: usize) -> Vec<Page> {
        let pages = self.space.tail(self.cursor.seq, view.head.seq, max_bytes);
        if let Some(last) = pages.last() {
            self.cursor = last.last;
            self.stored = None;
        }
        for page in &pages {
            self.observe(page, true);
        }
        pages
    }

    fn observe(&self, page: &Page, from_memory: bool) {
        let observer = &self.shared.observer;
        observer.page_read(page.count(), page.encoded_len(), from_memory);
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
}
