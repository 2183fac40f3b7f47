//! The way out: what is stale is marked, what is marked is removed from the storage, and then from the ledger.

use time::{Duration, OffsetDateTime};

use super::ports::{BlobRow, StaleBefore, Usage};
use super::{BlobError, BlobKeeper, ObjectKey};

/// Rows dealt with in one query.
const ROWS: u32 = 500;
/// How long after the last address expired a body may still be on its way.
const ON_THE_WAY: Duration = Duration::minutes(10);
/// How long the row of a swept blob is kept, to recognise what comes late.
const KEEP_SWEPT: Duration = Duration::days(7);
/// How long an upload may take, however lively it is: room for a TiB by a line of 4 Mbit/s.
const LONGEST_UPLOAD: Duration = Duration::days(30);

/// What a sweep did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads that stood still, blobs that nothing refers to, and blobs whose event's content is gone.
    pub stale: u64,
    /// Blobs removed from the storage.
    pub removed: u64,
    /// Their bytes, reserved or stored.
    pub bytes: u64,
    /// Blobs that the storage did not remove; the next sweep tries again.
    pub kept: u64,
    /// Rows of swept blobs that were forgotten.
    pub forgotten: u64,
}

/// What a sweep may judge by its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What this life of the database has seen.
    Usual,
    /// Rows, too, that a restore has brought back and that nothing has touched since. What they name may have been finished and
    /// referred to after the backup, so an operator has to say so.
    Restored,
}

impl BlobKeeper {
    /// Marks what is stale and removes what is marked. May run in several relays at once, and be cut short at any point.
    /// `progress` hears of every page.
    ///
    /// # Errors
    /// When the ledger fails. A blob that the storage does not remove holds nothing else up.
    pub async fn sweep(
        &self,
        reach: Reach,
        mut progress: impl FnMut(&Swept) + Send,
    ) -> Result<Swept, BlobError> {
        let mut swept = Swept::default();
        let now = self.clock.now();
        swept.stale = self.mark(reach, now).await?;
        let mut after = None;
        loop {
            let page = self.marked(now, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            for blob in &page {
                self.sweep_one(blob, &mut swept).await?;
            }
            progress(&swept);
        }
        self.forget(now, &mut swept).await?;
        Ok(swept)
    }

    /// What a sweep would do now, if the storage obeys: what is stale is `removed`, too, if nothing of it can be on its way any more.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn would_sweep(&self, reach: Reach) -> Result<Swept, BlobError> {
        let now = self.clock.now();
        let Usage { blobs, bytes } = self.ledger.stale(self.stale_before(reach, now)).await?;
        let mut swept = Swept {
            stale: blobs,
            removed: blobs,
            bytes,
            ..Swept::default()
        };
        let mut after = None;
        loop {
            let page = self.marked(now, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            swept.removed += page.len() as u64;
            swept.bytes += page.iter().map(|blob| blob.bytes).sum::<u64>();
        }
        let mut after = None;
        loop {
            let page = self.swept_long_ago(now, after.as_ref()).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            after = Some(last.key);
            swept.forgotten += page.len() as u64;
        }
    }

    fn stale_before(&self, reach: Reach, now: OffsetDateTime) -> StaleBefore {
        StaleBefore {
            reserved: now - self.settings.keep_unfinished,
            begun: now - LONGEST_UPLOAD,
            uploaded: now - self.settings.keep_unreferenced,
            restored: reach == Reach::Restored,
        }
    }

    /// Marks what is stale; returns how many there were.
    async fn mark(&self, reach: Reach, now: OffsetDateTime) -> Result<u64, BlobError> {
        let before = self.stale_before(reach, now);
        let mut stale = 0;
        loop {
            let marked = self.ledger.tombstone_stale(before, now, ROWS).await?;
            stale += marked;
            if marked < u64::from(ROWS) {
                return Ok(stale);
            }
        }
    }

    /// Marked blobs of which nothing can come any more.
    async fn marked(
        &self,
        now: OffsetDateTime,
        after: Option<&ObjectKey>,
    ) -> Result<Vec<BlobRow>, BlobError> {
        let marked = self.ledger.to_sweep(now - ON_THE_WAY, after, ROWS);
        Ok(marked.await?)
    }

    async fn swept_long_ago(
        &self,
        now: OffsetDateTime,
        after: Option<&ObjectKey>,
    ) -> Result<Vec<BlobRow>, BlobError> {
        Ok(self.ledger.to_forget(now - KEEP_SWEPT, after, ROWS).await?)
    }

    async fn sweep_one(&self, blob: &BlobRow, swept: &mut Swept) -> Result<(), BlobError> {
        if !self.has_removed(blob, swept).await {
            return Ok(());
        }
        let now = self.clock.now();
        // `false` says that another relay was faster.
        if self.ledger.swept(blob.space, blob.blob_id, now).await? {
            swept.removed += 1;
            swept.bytes += blob.bytes;
        }
        Ok(())
    }

    /// Forgets what was swept long ago, once more without anything of it in the storage: a server may have made an object long after
    /// it was asked to.
    async fn forget(&self, now: OffsetDateTime, swept: &mut Swept) -> Result<(), BlobError> {
        let mut after = None;
        loop {
            let page = self.swept_long_ago(now, after.as_ref()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key);
            for blob in &page {
                if self.has_removed(blob, swept).await {
                    let forgotten = self.ledger.forget(blob.space, blob.blob_id).await?;
                    swept.forgotten += u64::from(forgotten);
                }
            }
        }
    }

    /// Whether the storage has nothing of it any more.
    async fn has_removed(&self, blob: &BlobRow, swept: &mut Swept) -> bool {
        let Err(error) = self.remove(blob).await else {
            return true;
        };
        swept.kept += 1;
        tracing::warn!(%error, "a blob could not be removed from its storage; the next sweep tries again");
        false
    }

    /// Removes upload and object: a completion that was cut short may have left either.
    async fn remove(&self, blob: &BlobRow) -> Result<(), BlobError> {
        let (storage, name) = (&self.storage, blob.key.to_string());
        if let Some(id) = &blob.upload {
            storage.abandon(&name, id).await?;
        }
        // Of one that was never whole, an upload may have begun that nobody came to note.
        if blob.sha256.is_none() {
            for upload in storage.uploads_of(&blob.key).await?.unwrap_or_default() {
                storage.abandon(&upload.name, &upload.id).await?;
            }
        }
        Ok(storage.remove(&name).await?)
    }
}
