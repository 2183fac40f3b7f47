//! Long lists, read a page at a time.

use std::collections::VecDeque;

use super::ports::{BlobRow, Listed};
use super::{BlobError, BlobKeeper};

/// Rows read at once.
const ROWS: u32 = 1_000;

/// What was read of a list and not taken yet.
pub(super) struct Pages<T> {
    page: VecDeque<T>,
    /// The last that was read.
    last: Option<T>,
    ended: bool,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self {
            page: VecDeque::new(),
            last: None,
            ended: false,
        }
    }
}

impl<T: Clone> Pages<T> {
    fn want_more(&self) -> bool {
        self.page.is_empty() && !self.ended
    }

    fn add(&mut self, page: Vec<T>) {
        self.ended = page.is_empty();
        self.last = page.last().cloned();
        self.page = page.into();
    }

    pub(super) fn take(&mut self) -> Option<T> {
        self.page.pop_front()
    }
}

impl BlobKeeper {
    /// The row that is to be taken next, in the order of names.
    pub(super) async fn next_row<'a>(
        &self,
        rows: &'a mut Pages<BlobRow>,
    ) -> Result<Option<&'a BlobRow>, BlobError> {
        if rows.want_more() {
            let after = rows.last.as_ref().map(|row| &row.key);
            rows.add(self.ledger.page(after, ROWS).await?);
        }
        Ok(rows.page.front())
    }

    /// The object that is to be taken next, in the order of names.
    pub(super) async fn next_object<'a>(
        &self,
        objects: &'a mut Pages<Listed>,
    ) -> Result<Option<&'a Listed>, BlobError> {
        if objects.want_more() {
            let after = objects.last.as_ref().map(|object| object.name.as_str());
            objects.add(self.storage.list(after).await?);
        }
        Ok(objects.page.front())
    }

    /// Each blob that should be there, for who copies the bucket: `visit` hears of name, length and hash.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn inventory(&self, mut visit: impl FnMut(&BlobRow) + Send) -> Result<(), BlobError> {
        let mut rows = Pages::default();
        while self.next_row(&mut rows).await?.is_some() {
            if let Some(row) = rows.take().filter(|row| row.state.is_whole()) {
                visit(&row);
            }
        }
        Ok(())
    }
}
