//! Uploads of blobs that are not done: what is needed to go on with one after a crash.
//!
//! A part's hash is on the disk before its first byte leaves. So what is sealed again under the same key must be what was
//! sealed before, or the upload is dropped: a nonce never seals two plaintexts.

use rusqlite::{OptionalExtension, params};
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::BlobId;
use sealpost_protocol::limits::SECRET;
use zeroize::Zeroizing;

use super::log::SpaceLog;
use crate::error::{Error, StoreError};

/// Their first form.
pub(super) const TABLES: &str = "
-- Uploads that are not done, each under a keyed hash of the name that its caller gave it: that may be a path.
CREATE TABLE upload (
    space INTEGER NOT NULL REFERENCES space,
    name TEXT NOT NULL,
    blob_id BLOB NOT NULL,
    sealed BLOB NOT NULL,
    sending_after INTEGER,
    -- When it went on last, in milliseconds since 1970.
    touched_at INTEGER NOT NULL,
    PRIMARY KEY (space, name)
) STRICT;

-- Parts of theirs that were sealed, and the tags of those that are stored.
CREATE TABLE upload_part (
    space INTEGER NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    etag TEXT,
    PRIMARY KEY (space, name, number),
    FOREIGN KEY (space, name) REFERENCES upload ON DELETE CASCADE
) STRICT;
";

const TABLE: &str = "upload";

/// An upload that was begun.
pub(crate) struct UploadRow {
    pub(crate) blob_id: BlobId,
    pub(crate) key: Zeroizing<[u8; SECRET]>,
    pub(crate) epoch: u64,
    pub(crate) part_bytes: u64,
    /// What is put, as far as its name does not say.
    pub(crate) version: Digest32,
    /// The message may have been sent behind this place of the log.
    pub(crate) sending_after: Option<u64>,
}

/// A part that was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UploadPart {
    pub(crate) number: u32,
    pub(crate) sha256: Digest32,
    /// Its tag, once it is stored.
    pub(crate) etag: Option<String>,
}

impl UploadRow {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BlobId::LENGTH + SECRET + 16 + 32));
        bytes.extend_from_slice(self.blob_id.as_bytes());
        bytes.extend_from_slice(&self.key[..]);
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.part_bytes.to_be_bytes());
        bytes.extend_from_slice(&self.version);
        bytes
    }

    fn decode(bytes: &[u8], sending_after: Option<u64>) -> Option<Self> {
        let (blob_id, rest) = bytes.split_at_checked(BlobId::LENGTH)?;
        let (key, rest) = rest.split_at_checked(SECRET)?;
        let (epoch, rest) = rest.split_at_checked(8)?;
        let (part_bytes, version) = rest.split_at_checked(8)?;
        Some(Self {
            blob_id: blob_id.try_into().ok()?,
            key: Zeroizing::new(key.try_into().ok()?),
            epoch: u64::from_be_bytes(epoch.try_into().ok()?),
            part_bytes: u64::from_be_bytes(part_bytes.try_into().ok()?),
            version: version.try_into().ok()?,
            sending_after,
        })
    }
}

impl SpaceLog<'_> {
    /// The upload under this name, and its parts in order.
    pub(crate) fn upload(&self, name: &str) -> Result<Option<(UploadRow, Vec<UploadPart>)>, Error> {
        let name = &self.store().index(TABLE, name);
        let found = self.store().sql().query_row(
            "SELECT sealed, sending_after FROM upload WHERE space = ?1 AND name = ?2",
            params![self.number(), name],
            |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)),
        );
        let Some((sealed, sending_after)) = found.optional()? else {
            return Ok(None);
        };
        let key: [&[u8]; 2] = [&self.number().to_be_bytes(), name.as_bytes()];
        let opened = self.store().open(TABLE, &key, &sealed)?;
        let row = UploadRow::decode(&opened, sending_after);
        let row = row.ok_or(StoreError::Damaged { table: TABLE })?;
        Ok(Some((row, self.upload_parts(name)?)))
    }

    /// By the hash of a name.
    fn upload_parts(&self, name: &str) -> Result<Vec<UploadPart>, Error> {
        let mut statement = self.store().sql().prepare_cached(
            "SELECT number, sha256, etag FROM upload_part WHERE space = ?1 AND name = ?2 ORDER BY number",
        )?;
        let parts = statement.query_map(params![self.number(), name], |row| {
            Ok(UploadPart {
                number: row.get(0)?,
                sha256: row.get(1)?,
                etag: row.get(2)?,
            })
        })?;
        Ok(parts.collect::<Result<_, _>>()?)
    }

    /// Begins an upload, in the stead of the one that the caller found under the same name.
    ///
    /// # Errors
    /// [`Error::Usage`] if somebody else has begun one meanwhile.
    pub(crate) fn begin_upload(
        &self,
        name: &str,
        upload: &UploadRow,
        found: Option<&BlobId>,
        now_ms: u64,
    ) -> Result<(), Error> {
        if let Some(found) = found {
            self.drop_upload(name, found)?;
        }
        let name = &self.store().index(TABLE, name);
        let key: [&[u8]; 2] = [&self.number().to_be_bytes(), name.as_bytes()];
        let sealed = self.store().seal(TABLE, &key, &upload.encode());
        let begun = self.store().sql().execute(
            "INSERT INTO upload (space, name, blob_id, sealed, touched_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            params![self.number(), name, upload.blob_id.as_bytes(), sealed, now_ms],
        )?;
        expect_own(begun)
    }

    /// Notes a part of this blob, or the tag of one. What was noted of a part stays.
    ///
    /// # Errors
    /// [`Error::Usage`] if the part was noted with another hash, or the upload is not this blob's any more: somebody else puts under
    /// the same name, and a key must not seal two plaintexts.
    pub(crate) fn put_upload_part(
        &self,
        name: &str,
        blob_id: &BlobId,
        part: &UploadPart,
        now_ms: u64,
    ) -> Result<(), Error> {
        let name = &self.store().index(TABLE, name);
        self.store().sql().execute(
            "UPDATE upload SET touched_at = ?4 WHERE space = ?1 AND name = ?2 AND blob_id = ?3",
            params![self.number(), name, blob_id.as_bytes(), now_ms],
        )?;
        let noted = self.store().sql().execute(
            "INSERT INTO upload_part (space, name, number, sha256, etag)
             SELECT space, name, ?4, ?5, ?6 FROM upload WHERE space = ?1 AND name = ?2 AND blob_id = ?3
             ON CONFLICT (space, name, number) DO UPDATE SET etag = coalesce(excluded.etag, etag)
             WHERE sha256 = excluded.sha256",
            params![
                self.number(),
                name,
                blob_id.as_bytes(),
                part.number,
                part.sha256,
                part.etag
            ],
        )?;
        expect_own(noted)
    }

    /// Notes that the message is about to be sent.
    pub(crate) fn note_sending(&self, name: &str, blob_id: &BlobId, after: u64) -> Result<(), Error> {
        let name = &self.store().index(TABLE, name);
        let noted = self.store().sql().execute(
            "UPDATE upload SET sending_after = coalesce(sending_after, ?4)
             WHERE space = ?1 AND name = ?2 AND blob_id = ?3",
            params![self.number(), name, blob_id.as_bytes(), after],
        )?;
        expect_own(noted)
    }

    /// Forgets an upload of this blob, which is done or given up.
    pub(crate) fn drop_upload(&self, name: &str, blob_id: &BlobId) -> Result<(), Error> {
        let name = &self.store().index(TABLE, name);
        self.store().sql().execute(
            "DELETE FROM upload WHERE space = ?1 AND name = ?2 AND blob_id = ?3",
            params![self.number(), name, blob_id.as_bytes()],
        )?;
        Ok(())
    }
}

impl SpaceLog<'_> {
    /// Forgets uploads of this space that have not gone on since: nobody remembers them any more.
    pub(crate) fn drop_uploads_before(&self, unix_ms: u64) -> Result<(), Error> {
        self.store().sql().execute(
            "DELETE FROM upload WHERE space = ?1 AND touched_at < ?2",
            params![self.number(), unix_ms],
        )?;
        Ok(())
    }
}

fn expect_own(rows: usize) -> Result<(), Error> {
    let own = rows == 1;
    own.then_some(()).ok_or_else(|| {
        Error::usage("another command is putting under the same name; wait for it, then put again")
    })
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::ids::SpaceId;

    use super::*;
    use crate::store::tests::Home;
    use crate::store::{Store, StoreTransaction};

    const NOW: u64 = 1_700_000_000_000;

    fn row(id: u8) -> UploadRow {
        UploadRow {
            blob_id: BlobId::new([id; 16]),
            key: Zeroizing::new([id; SECRET]),
            epoch: 1,
            part_bytes: 8 << 20,
            version: [id; 32],
            sending_after: None,
        }
    }

    fn part(sha256: u8, etag: Option<&str>) -> UploadPart {
        UploadPart {
            number: 1,
            sha256: [sha256; 32],
            etag: etag.map(str::to_owned),
        }
    }

    fn log<'a>(transaction: &'a StoreTransaction<'a>) -> Result<SpaceLog<'a>, Error> {
        SpaceLog::find_or_create(transaction, SpaceId::new([7; 32]))
    }

    #[tokio::test]
    async fn a_part_that_was_sealed_is_not_noted_with_other_bytes_or_under_another_key() {
        let home = Home::new();
        let store = Store::open(&home.path()).await.unwrap();
        let noting = store.write(|transaction| {
            let log = log(transaction)?;
            let (mine, other) = (row(1).blob_id, row(2).blob_id);
            log.begin_upload("film", &row(1), None, NOW)?;
            log.put_upload_part("film", &mine, &part(1, None), NOW)?;
            log.put_upload_part("film", &mine, &part(1, Some("tag")), NOW)?;
            log.put_upload_part("film", &mine, &part(1, None), NOW)?;
            for (blob_id, part) in [(mine, part(2, None)), (other, part(1, None))] {
                let refused = log.put_upload_part("film", &blob_id, &part, NOW);
                assert!(matches!(refused, Err(Error::Usage(_))), "{blob_id:?}");
            }
            log.upload("film")
        });
        let (_, parts) = noting.await.unwrap().unwrap();
        assert_eq!(parts, [part(1, Some("tag"))], "what was noted of a part stays");
    }

    #[tokio::test]
    async fn an_upload_takes_the_place_of_the_one_that_was_found_and_of_no_other() {
        let home = Home::new();
        let store = Store::open(&home.path()).await.unwrap();
        let beginning = store.write(|transaction| {
            let log = log(transaction)?;
            log.begin_upload("film", &row(1), None, NOW)?;
            assert!(
                log.begin_upload("film", &row(2), None, NOW).is_err(),
                "nobody found it"
            );
            log.begin_upload("film", &row(2), Some(&row(1).blob_id), NOW)?;
            log.drop_upload("film", &row(1).blob_id)?;
            log.upload("film")
        });
        let (found, _) = beginning.await.unwrap().unwrap();
        assert_eq!(found.blob_id, row(2).blob_id);
    }

    #[tokio::test]
    async fn an_upload_that_went_on_is_kept_and_one_that_stood_still_is_forgotten_with_its_parts() {
        let home = Home::new();
        let store = Store::open(&home.path()).await.unwrap();
        let dropping = store.write(|transaction| {
            let log = log(transaction)?;
            for (name, id) in [("film", 1), ("plan", 2)] {
                log.begin_upload(name, &row(id), None, NOW)?;
                log.put_upload_part(name, &row(id).blob_id, &part(1, None), NOW)?;
            }
            log.put_upload_part("film", &row(1).blob_id, &part(1, Some("tag")), NOW + 2)?;
            log.drop_uploads_before(NOW + 1)?;
            let parts = "SELECT count(*) FROM upload_part";
            let parts: i64 = log.store().sql().query_row(parts, [], |row| row.get(0))?;
            Ok((log.upload("film")?, log.upload("plan")?, parts))
        });
        let (film, plan, parts) = dropping.await.unwrap();
        let (film, _) = film.unwrap();
        assert_eq!((film.version, plan.is_none(), parts), ([1; 32], true, 1));
    }

    #[tokio::test]
    async fn space_is_forgotten_with_an_upload_that_was_not_done() {
        let home = Home::new();
        let store = Store::open(&home.path()).await.unwrap();
        let forgetting = store.write(|transaction| {
            let log = log(transaction)?;
            log.begin_upload("film", &row(1), None, NOW)?;
            log.put_upload_part("film", &row(1).blob_id, &part(1, None), NOW)?;
            transaction.forget_space(log.space_id())?;
            let parts = "SELECT count(*) FROM upload_part";
            let parts: i64 = transaction.sql().query_row(parts, [], |row| row.get(0))?;
            Ok((SpaceLog::find(transaction, log.space_id())?.is_none(), parts))
        });
        assert_eq!(forgetting.await.unwrap(), (true, 0));
    }
}
