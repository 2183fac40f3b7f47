//! Drops what the policies of spaces no longer keep, and what was staged and never used.

use sealpost_protocol::event::without_ciphertext;
use sealpost_protocol::wire::{self, entry::Kind};
use time::{Duration, OffsetDateTime};

use super::ports::{DroppedCiphertext, EventRow, PageLimits, RetentionSpace, SpaceNumber};
use super::{EncodedEntry, LogError, LogService};
use crate::atrest::OpenDataKey;

/// For how long wraps stay staged that no control record names.
const KEEP_STAGED: Duration = Duration::hours(1);
/// Spaces looked at in one query.
const SPACES: u32 = 100;
/// Rows read and replaced in one transaction.
const ROWS: u32 = 200;
/// The same, in sealed bytes.
const BYTES: usize = 1 << 20;
/// Wraps deleted in one transaction.
const WRAPS: u32 = 1_000;

impl LogService {
    /// Drops the ciphertexts that are older than the policies of their spaces allow; returns how many. Headers,
    /// hashes, signatures and all control records stay, or roots could not be computed again.
    ///
    /// May run in several relays at once, and be cut short at any point.
    ///
    /// # Errors
    /// When the store or the key service is out of reach. What was dropped stays dropped. A single space that cannot be
    /// opened is passed over: it must not keep the others' ciphertexts.
    pub async fn drop_expired(&self) -> Result<u64, LogError> {
        self.drop_expired_within(std::time::Duration::MAX).await
    }

    /// The same for spaces whose policies keep contents no longer than `longest`, which is less to look at.
    ///
    /// # Errors
    /// As [`Self::drop_expired`].
    pub async fn drop_expired_within(&self, longest: std::time::Duration) -> Result<u64, LogError> {
        let (mut after, mut dropped) = (SpaceNumber(0), 0);
        loop {
            let spaces = self
                .shared
                .store
                .with_retention(longest.as_secs(), after, SPACES)
                .await?;
            let Some(last) = spaces.last() else {
                return Ok(dropped);
            };
            after = last.number;
            for space in spaces {
                match self.drop_expired_of(&space).await {
                    Ok(rows) => dropped += rows,
                    Err(error) if error.retry_after().is_some() => return Err(error),
                    Err(error) => tracing::error!(
                        error = %error,
                        space.number = space.number.0,
                        "what a space no longer keeps could not be dropped"
                    ),
                }
            }
        }
    }

    /// Deletes wraps that were staged long ago and never named; returns how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sweep_staged_wraps(&self) -> Result<u64, LogError> {
        let before = self.shared.clock.now() - KEEP_STAGED;
        let mut swept = 0;
        loop {
            let deleted = self.shared.store.sweep_staged(before, WRAPS).await?;
            swept += deleted;
            if deleted < u64::from(WRAPS) {
                return Ok(swept);
            }
        }
    }

    async fn drop_expired_of(&self, space: &RetentionSpace) -> Result<u64, LogError> {
        let Some(cutoff) = cutoff(self.shared.clock.now(), space.retention_seconds) else {
            return Ok(0);
        };
        let last = self
            .shared
            .store
            .last_before(space.number, space.retained_from, cutoff)
            .await?;
        let Some(up_to) = last else {
            return Ok(0);
        };
        let key = self.shared.space_key(space.number).await?;
        let (mut from, mut dropped) = (space.retained_from, 0);
        while from <= up_to {
            let limits = PageLimits {
                up_to,
                rows: ROWS,
                bytes: BYTES,
            };
            let rows = self.shared.store.page(space.number, from - 1, limits).await?;
            from = rows.last().map_or(up_to, |row| row.seq) + 1;
            let shortened: Vec<_> = rows
                .into_iter()
                .filter_map(|row| self.shorten(&key, row))
                .collect();
            dropped += shortened.len() as u64;
            self.shared
                .store
                .drop_ciphertexts(space.number, &shortened, from)
                .await?;
        }
        Ok(dropped)
    }

    /// The row without its ciphertext; `None` if it has none, or is damaged: readers will tell.
    fn shorten(&self, key: &OpenDataKey, row: EventRow) -> Option<DroppedCiphertext> {
        let (at, row_version, before) = (row.at(), row.row_version, row.sealed.len());
        let entry = self.shared.cipher.open_entry(key, row).ok()?.decode()?;
        let Some(Kind::Event(event)) = entry.kind else {
            return None;
        };
        let kept = without_ciphertext(&event);
        if kept == event {
            return None;
        }
        let kept = EncodedEntry::encode(&wire::Entry {
            kind: Some(Kind::Event(kept)),
        });
        let sealed = self.shared.cipher.seal_entry(key, &at, row_version + 1, &kept);
        Some(DroppedCiphertext {
            seq: at.seq,
            row_version,
            dropped_bytes: before.saturating_sub(sealed.len()) as u64,
            sealed,
        })
    }
}

/// What is older than this is dropped; `None` if that is before all times.
fn cutoff(now: OffsetDateTime, retention_seconds: u64) -> Option<OffsetDateTime> {
    let seconds = i64::try_from(retention_seconds).ok()?;
    now.checked_sub(Duration::seconds(seconds))
}
