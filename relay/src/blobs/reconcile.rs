//! Ledger and bucket, compared both ways.

use std::cmp::Ordering;

use time::{Duration, OffsetDateTime};

use super::pages::Pages;
use super::ports::{BlobRow, BlobState, Listed, ListedUpload, StorageError, Upload};
use super::{BlobError, BlobKeeper, ObjectKey};

/// Something that is on one side only, or differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An object that the ledger does not know: of a database that was restored, or of nobody.
    Unknown {
        /// Its name.
        name: String,
        /// Its length.
        bytes: u64,
        /// Whether it was removed.
        removed: bool,
    },
    /// A blob that should be there, and is not.
    Missing {
        /// Its object.
        key: ObjectKey,
        /// How long it should be.
        bytes: u64,
        /// Whether it was marked, so that nobody is sent there.
        marked: bool,
    },
    /// An object of another length than the ledger says.
    Length {
        /// Its name.
        key: ObjectKey,
        /// What the ledger says.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// An object that came into being after its blob was swept.
    Late {
        /// Its name.
        key: ObjectKey,
        /// Its length.
        bytes: u64,
        /// Whether it was removed.
        removed: bool,
    },
    /// An upload that the ledger does not know.
    Upload {
        /// The object's name.
        name: String,
        /// Whether it was abandoned.
        removed: bool,
    },
}

/// What may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing.
    Report,
    /// Objects and uploads that the ledger does not know and that are older than this are removed.
    OlderThan(Duration),
    /// Blobs that are missing are marked, so that nobody is sent there. What comes back later goes with the next sweep.
    MarkMissing,
}

/// How a comparison went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Rows of blobs that should be there.
    pub blobs: u64,
    /// Objects of the bucket.
    pub objects: u64,
    /// Differences.
    pub differences: u64,
    /// Of these, blobs that are missing.
    pub missing: u64,
    /// Whether uploads could be compared, too: not every storage tells them.
    pub uploads: bool,
}

impl BlobKeeper {
    /// Compares the ledger with the bucket, in the order of names, a page of each in memory at a time. `found` hears of each
    /// difference.
    ///
    /// Blobs come and go meanwhile: what came after its place was passed is not looked at, and an object whose blob is being
    /// completed or swept is no difference.
    ///
    /// # Errors
    /// When ledger or storage fail. What was repaired stays so.
    pub async fn reconcile(
        &self,
        repair: Repair,
        mut found: impl FnMut(Difference) + Send,
    ) -> Result<Compared, BlobError> {
        let (mut rows, mut objects) = (Pages::default(), Pages::default());
        let mut compared = Compared::default();
        loop {
            let (row, object) = (
                self.next_row(&mut rows).await?,
                self.next_object(&mut objects).await?,
            );
            let order = match (row, object) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(row), Some(object)) => row.key.to_string().cmp(&object.name),
            };
            compared.objects += u64::from(order != Ordering::Less);
            compared.blobs +=
                u64::from(row.is_some_and(|row| order != Ordering::Greater && row.state.is_whole()));
            let difference = match order {
                Ordering::Less => self.without_object(rows.take(), repair).await?,
                Ordering::Greater => self.without_row(objects.take(), repair).await?,
                Ordering::Equal => lengths(rows.take(), objects.take()),
            };
            if let Some(difference) = difference {
                compared.differences += 1;
                compared.missing += u64::from(matches!(difference, Difference::Missing { .. }));
                found(difference);
            }
        }
        compared.uploads = self
            .reconcile_uploads(repair, &mut compared.differences, &mut found)
            .await?;
        Ok(compared)
    }

    /// A row whose name no object has: fine, unless the blob should be whole.
    async fn without_object(
        &self,
        row: Option<BlobRow>,
        repair: Repair,
    ) -> Result<Option<Difference>, BlobError> {
        let Some(row) = row.filter(|row| row.state.is_whole()) else {
            return Ok(None);
        };
        // The page of the bucket may be older than the row.
        if self.storage.length(&row.key).await?.is_some() {
            return Ok(None);
        }
        let now = self.clock.now();
        let marked =
            repair == Repair::MarkMissing && self.ledger.tombstone(row.space, row.blob_id, now).await?;
        Ok(Some(Difference::Missing {
            key: row.key,
            bytes: row.bytes,
            marked,
        }))
    }

    async fn without_row(
        &self,
        object: Option<Listed>,
        repair: Repair,
    ) -> Result<Option<Difference>, BlobError> {
        let Some(object) = object else { return Ok(None) };
        // Its row may have come after the page.
        match self.row_of(&object.name).await? {
            Some(row) if row.state == BlobState::Swept => return self.late(row.key, repair).await,
            Some(_) => return Ok(None),
            None => {}
        }
        let removed = is_old(repair, object.written_at, self.clock.now());
        if removed {
            self.storage.remove(&object.name).await?;
        }
        Ok(Some(Difference::Unknown {
            name: object.name,
            bytes: object.length,
            removed,
        }))
    }

    /// An object of a blob that was swept: no difference, if only the list of objects was older than the sweep.
    async fn late(&self, key: ObjectKey, repair: Repair) -> Result<Option<Difference>, BlobError> {
        let Some(bytes) = self.storage.length(&key).await? else {
            return Ok(None);
        };
        // The sweep has judged it, so its age does not count.
        let removed = matches!(repair, Repair::OlderThan(_));
        if removed {
            self.storage.remove(&key.to_string()).await?;
        }
        Ok(Some(Difference::Late { key, bytes, removed }))
    }

    /// The row that has this name now.
    async fn row_of(&self, name: &str) -> Result<Option<BlobRow>, BlobError> {
        match name.parse::<ObjectKey>() {
            Ok(key) => Ok(self.ledger.by_key(&key).await?),
            Err(_) => Ok(None),
        }
    }

    async fn reconcile_uploads(
        &self,
        repair: Repair,
        differences: &mut u64,
        found: &mut (impl FnMut(Difference) + Send),
    ) -> Result<bool, BlobError> {
        let mut after = None;
        loop {
            let Some(page) = self.storage.uploads(after.as_ref()).await? else {
                return Ok(false);
            };
            after = page.last().cloned();
            if page.is_empty() {
                return Ok(true);
            }
            for upload in page {
                if self.is_known_upload(&upload).await? {
                    continue;
                }
                let removed = self.abandon_old(&upload, repair).await?;
                *differences += 1;
                found(Difference::Upload {
                    name: upload.name,
                    removed,
                });
            }
        }
    }

    async fn is_known_upload(&self, upload: &ListedUpload) -> Result<bool, BlobError> {
        Ok(match self.row_of(&upload.name).await? {
            // The list of uploads may be older than the sweep.
            Some(row) if row.state == BlobState::Swept => self.has_ended(row.key, upload).await?,
            // Until it is noted, the upload of a reserved blob may be any.
            Some(row) => row.upload.is_none() || row.upload.as_ref() == Some(&upload.id),
            None => false,
        })
    }

    async fn has_ended(&self, key: ObjectKey, upload: &ListedUpload) -> Result<bool, BlobError> {
        let id = upload.id.clone();
        match self.storage.parts(&Upload { key, id }).await {
            Err(StorageError::NoUpload) => Ok(true),
            parts => Ok(parts.map(|_| false)?),
        }
    }

    async fn abandon_old(&self, upload: &ListedUpload, repair: Repair) -> Result<bool, BlobError> {
        let old = is_old(repair, upload.begun_at, self.clock.now());
        if old {
            self.storage.abandon(&upload.name, &upload.id).await?;
        }
        Ok(old)
    }
}

/// What may be removed. What does not tell its age may be of this moment.
fn is_old(repair: Repair, written_at: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
    match (repair, written_at) {
        (Repair::OlderThan(age), Some(written_at)) => now - written_at > age,
        _ => false,
    }
}

fn lengths(row: Option<BlobRow>, object: Option<Listed>) -> Option<Difference> {
    let (row, object) = (row?, object?);
    let differs = row.state.is_whole() && row.bytes != object.length;
    differs.then_some(Difference::Length {
        key: row.key,
        expected: row.bytes,
        found: object.length,
    })
}
