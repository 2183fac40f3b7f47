//! The way out: what is stale is marked, what is marked is removed from the storage, and then from the ledger.

use time::{Duration, OffsetDateTime};

use super::ports::{BlobRow, StaleBefore, Upload, Usage};
use super::{BlobError, BlobKeeper};

/// Rows dealt with in one query.
const ROWS: u32 = 500;
/// How long after the last address expired a body may still be on its way.
const ON_THE_WAY: Duration = Duration::minutes(10);
/// How long the row of a swept blob is kept, to recognise what comes late.
const KEEP_SWEPT: Duration = Duration::days(7);

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

impl BlobKeeper {
    /// Marks what is stale and removes what is marked. May run in several relays at once, and be cut short at any point.
    /// `progress` hears of every page.
    ///
    /// # Errors
    /// When the ledger fails. A blob that the storage does not remove holds nothing else up.
    pub async fn sweep(&self, mut progress: impl FnMut(&Swept) + Send) -> Result<Swept, BlobError> {
        let mut swept = Swept::default();
        let now = self.clock.now();
        loop {
            let marked = self
                .ledger
                .tombstone_stale(self.stale_before(now), now, ROWS)
                .await?;
            swept.stale += marked;
            if marked < u64::from(ROWS) {
                break;
            }
        }
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
        loop {
            let forgotten = self.ledger.forget_swept(now - KEEP_SWEPT, ROWS).await?;
            swept.forgotten += forgotten;
            if forgotten < u64::from(ROWS) {
                return Ok(swept);
            }
        }
    }

    /// What a sweep would do now.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn would_sweep(&self) -> Result<Swept, BlobError> {
        let now = self.clock.now();
        let Usage { blobs, .. } = self.ledger.stale(self.stale_before(now)).await?;
        let mut swept = Swept {
            stale: blobs,
            ..Swept::default()
        };
        let mut after = None;
        loop {
            let page = self.marked(now, after.as_ref()).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            after = Some(last.key);
            swept.removed += page.len() as u64;
            swept.bytes += page.iter().map(|blob| blob.bytes).sum::<u64>();
        }
    }

    fn stale_before(&self, now: OffsetDateTime) -> StaleBefore {
        StaleBefore {
            reserved: now - self.settings.keep_unfinished,
            uploaded: now - self.settings.keep_unreferenced,
        }
    }

    /// Marked blobs of which nothing can come any more.
    async fn marked(
        &self,
        now: OffsetDateTime,
        after: Option<&super::ObjectKey>,
    ) -> Result<Vec<BlobRow>, BlobError> {
        let marked = self.ledger.to_sweep(now - ON_THE_WAY, after, ROWS);
        Ok(marked.await?)
    }

    async fn sweep_one(&self, blob: &BlobRow, swept: &mut Swept) -> Result<(), BlobError> {
        if let Err(error) = self.remove(blob).await {
            swept.kept += 1;
            tracing::warn!(%error, "a blob could not be removed from its storage; the next sweep tries again");
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

    /// Removes upload and object: a completion that was cut short may have left either.
    async fn remove(&self, blob: &BlobRow) -> Result<(), BlobError> {
        let storage = &self.storage;
        if let Some(id) = blob.upload.clone() {
            storage.abandon(&Upload { key: blob.key, id }).await?;
        }
        Ok(storage.remove(&blob.key.to_string()).await?)
    }
}
