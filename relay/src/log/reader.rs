//! Reading a log: a cursor, nothing more.

use std::time::Duration;

use sealpost_protocol::ids::Receipt;
use sealpost_protocol::root::Cursor;

use super::{LogError, Page, Signals};

/// The end of a log when a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last place and its root.
    pub cursor: Cursor,
    /// The relay's receipt for it.
    pub receipt: Receipt,
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
#[derive(Debug)]
pub struct Reader {}

impl Reader {
    /// Returns once [`Self::next_page`] has something to say: an entry, or that the subscription has ended.
    ///
    /// A socket waits here for all its subscriptions at once and then fetches for one at a time, so waiting must cost
    /// nothing but memory: no database connection, no page. May be cancelled.
    pub async fn readable(&mut self) {}

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
    pub async fn next_page(&mut self, _max_bytes: usize) -> Result<Page, LogError> {
        Err(LogError::Draining {
            retry_after: Duration::from_secs(1),
        })
    }
}
