//! One upload: parts are sealed in order and put side by side.

use std::sync::Arc;

use bytes::Bytes;
use sealpost_protocol::blob::BlobSize;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::http::{BlobComplete, BlobPartDone, BlobReserve};
use sealpost_protocol::ids::BlobId;
use sealpost_protocol::limits::{BLOB_CHUNK, MAX_BLOB_PARTS, STORED_CHUNK, TAG};
use sha2::{Digest, Sha256};
use tokio::io::AsyncRead;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::super::download::unwrapped;
use super::super::part::Putter;
use super::super::progress::Progress;
use super::super::retry::patiently;
use super::super::storage::Storage;
use super::is_over;
use super::{PutOptions, Resume};
use crate::blob::{BlobSealer, SealedBlob};
use crate::clock::{Clock, SystemClock};
use crate::entropy;
use crate::error::Error;
use crate::space::Space;
use crate::store::uploads::{UploadPart, UploadRow};

const STORED: u64 = STORED_CHUNK as u64;
/// Chunks in a part, unless there would be too many parts: 8 MiB.
const CHUNKS: u64 = 128;
/// Parts on their way at once; one more is being sealed.
const AT_ONCE: usize = 3;
/// Parts for which a pipe of unknown length reserves room ahead.
const AHEAD: u64 = 8;

/// An upload of this device.
pub(in super::super) struct Upload<'a> {
    space: &'a Space,
    options: &'a PutOptions,
    row: UploadRow,
    /// By number from 1: what was sealed before, and what is stored by now.
    parts: Vec<UploadPart>,
    storage: Arc<Storage>,
    reserved: u64,
    on_their_way: JoinSet<Result<BlobPartDone, Error>>,
    /// Plaintext that was sealed.
    sealed: u64,
}

impl<'a> Upload<'a> {
    /// Goes on with the upload of this name, or begins one.
    pub(super) async fn begin(
        space: &'a Space,
        storage: Arc<Storage>,
        options: &'a PutOptions,
    ) -> Result<Self, Error> {
        let kept = match &options.resume {
            Some(Resume { name, .. }) => {
                let name = name.clone();
                space.core().read(move |log| log.upload(&name)).await?
            }
            None => None,
        };
        let with = |row, parts| Self {
            space,
            options,
            row,
            parts,
            storage: Arc::clone(&storage),
            reserved: 0,
            on_their_way: JoinSet::new(),
            sealed: 0,
        };
        let mut found = None;
        if let Some((row, parts)) = kept {
            found = Some(row.blob_id);
            let mut upload = with(row, parts);
            if upload.row.version == version(options) {
                match upload.reserve_first().await {
                    // Nothing was read yet: a new one takes its place.
                    Err(error) if is_over(&error) => {}
                    reserved => return reserved.map(|()| upload),
                }
            } else if upload.row.sending_after.is_none() {
                upload.give_room_back().await;
            }
        }
        let epoch = space.epoch().await?;
        if epoch == 0 {
            return Err(space.core().no_key(epoch).await);
        }
        let mut upload = with(draw(epoch, options), Vec::new());
        upload.keep(found).await?;
        upload.reserve_first().await?;
        Ok(upload)
    }

    pub(super) fn sending_after(&self) -> Option<u64> {
        self.row.sending_after
    }

    /// Seals and stores all that the reader gives.
    pub(super) async fn run<R: AsyncRead + Unpin>(&mut self, source: R) -> Result<SealedBlob, Error> {
        let mut sealer = BlobSealer::under(
            (self.space.id(), self.row.epoch, self.row.blob_id),
            self.row.key.clone(),
            source,
        );
        let mut number = 1;
        while let Some(part) = self.next_part(&mut sealer).await? {
            self.put(number, part).await?;
            number += 1;
        }
        while self.land().await? {}
        let sealed = sealer.finish().expect("it was read to its end");
        self.complete(&sealed).await?;
        Ok(sealed)
    }

    async fn next_part<R: AsyncRead + Unpin>(
        &mut self,
        sealer: &mut BlobSealer<R>,
    ) -> Result<Option<Bytes>, Error> {
        let room = usize::try_from(self.row.part_bytes).expect("a part is below 256 MiB");
        let mut part = Vec::new();
        while part.len() < room {
            let Some(chunk) = sealer.next_chunk().await.map_err(unwrapped)? else {
                break;
            };
            if part.is_empty() {
                part.reserve_exact(room);
            }
            part.extend_from_slice(&chunk);
        }
        Ok((!part.is_empty()).then(|| part.into()))
    }

    /// Sends a part on its way, unless it is stored already.
    async fn put(&mut self, number: u32, bytes: Bytes) -> Result<(), Error> {
        if number > MAX_BLOB_PARTS {
            return Err(Error::usage(
                "a pipe can be 78 GiB long; of a file the length is known first",
            ));
        }
        let sha256: Digest32 = Sha256::digest(&bytes).into();
        let length = bytes.len() as u64;
        if self.check_known(number, sha256)? {
            self.tell(length);
            return Ok(());
        }
        self.reserve(u64::from(number - 1) * self.row.part_bytes + length)
            .await?;
        let part = UploadPart {
            number,
            sha256,
            etag: None,
        };
        self.keep_part(part).await?;
        while self.on_their_way.len() >= AT_ONCE {
            self.land().await?;
        }
        let putter = Putter {
            shared: Arc::clone(&self.space.core().client),
            storage: Arc::clone(&self.storage),
            space_id: self.space.id(),
            blob_id: self.row.blob_id,
        };
        self.on_their_way.spawn(putter.put(number, bytes, sha256));
        Ok(())
    }

    /// Whether the part is stored. One that was sealed before must be the same.
    fn check_known(&self, number: u32, sha256: Digest32) -> Result<bool, Error> {
        match self.parts.get(number as usize - 1) {
            Some(known) if known.sha256 != sha256 => Err(Error::usage(
                "this is not what was being put under this name; put it again to begin anew",
            )),
            Some(known) => Ok(known.etag.is_some()),
            None => Ok(false),
        }
    }

    /// Waits for a part; `false` if there is none on its way.
    async fn land(&mut self) -> Result<bool, Error> {
        let Some(landed) = self.on_their_way.join_next().await else {
            return Ok(false);
        };
        let done = landed.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))?;
        let mut part = self.parts[done.number as usize - 1].clone();
        part.etag = Some(done.etag);
        self.keep_part(part).await?;
        self.tell(done.length);
        Ok(true)
    }

    fn tell(&mut self, stored: u64) {
        self.sealed += stored / STORED * BLOB_CHUNK as u64 + (stored % STORED).saturating_sub(TAG as u64);
        let total = self.options.length;
        let done = total.map_or(self.sealed, |total| self.sealed.min(total));
        (self.options.watch)(Progress { done, total });
    }

    async fn complete(&self, sealed: &SealedBlob) -> Result<(), Error> {
        let size = sealed.size();
        let last = self.parts.len();
        let part = |part: &UploadPart| {
            let start = u64::from(part.number - 1) * self.row.part_bytes;
            let length = if part.number as usize == last {
                size.stored() - start
            } else {
                self.row.part_bytes
            };
            Some(BlobPartDone {
                number: part.number,
                length,
                sha256: part.sha256.to_vec().into(),
                etag: part.etag.clone()?,
            })
        };
        let parts: Option<Vec<_>> = self.parts.iter().map(part).collect();
        let list = BlobComplete {
            parts: parts.expect("every part has landed"),
            bytes: size.stored(),
            sha256: sealed.ciphertext_hash().to_vec().into(),
        };
        let shared = &self.space.core().client;
        let space_id = self.space.id();
        let place = (&space_id, &self.row.blob_id);
        patiently(shared, || async {
            let local = shared.local_account().await?;
            shared.api.complete_blob(&local.session.token, place, &list).await
        })
        .await
    }

    /// Room for what is known of the length, and to know whether it goes on.
    async fn reserve_first(&mut self) -> Result<(), Error> {
        let size = self.options.length.map(BlobSize::new).transpose();
        let size = size.map_err(|error| Error::Blob(error.into()))?;
        self.ask_for(size.map_or(self.row.part_bytes, BlobSize::stored))
            .await
    }

    /// Room for so many bytes: in steps, where the length is not known.
    async fn reserve(&mut self, bytes: u64) -> Result<(), Error> {
        if bytes <= self.reserved {
            return Ok(());
        }
        let ahead = bytes + AHEAD * self.row.part_bytes;
        let most = self.row.part_bytes * u64::from(MAX_BLOB_PARTS);
        self.ask_for(ahead.min(most)).await
    }

    async fn ask_for(&mut self, bytes: u64) -> Result<(), Error> {
        let request = BlobReserve {
            space_id: self.space.id(),
            blob_id: self.row.blob_id,
            part_bytes: self.row.part_bytes,
            bytes,
        };
        let shared = &self.space.core().client;
        let reserved = patiently(shared, || async {
            let local = shared.local_account().await?;
            shared.api.reserve_blob(&local.session.token, &request).await
        });
        self.reserved = reserved.await?.bytes;
        Ok(())
    }

    fn resume_name(&self) -> Option<String> {
        let resume = self.options.resume.as_ref()?;
        Some(resume.name.clone())
    }

    async fn keep(&self, found: Option<BlobId>) -> Result<(), Error> {
        let Some(name) = self.resume_name() else {
            return Ok(());
        };
        let row = UploadRow {
            key: self.row.key.clone(),
            ..self.row
        };
        self.space
            .core()
            .write(move |log, _| log.begin_upload(&name, &row, found.as_ref(), SystemClock.unix_ms()))
            .await
    }

    /// Notes a part in memory and, before anything of it leaves, on the disk.
    async fn keep_part(&mut self, part: UploadPart) -> Result<(), Error> {
        match self.parts.get_mut(part.number as usize - 1) {
            Some(known) => *known = part.clone(),
            None => self.parts.push(part.clone()),
        }
        let Some(name) = self.resume_name() else {
            return Ok(());
        };
        let blob_id = self.row.blob_id;
        self.space
            .core()
            .write(move |log, _| log.put_upload_part(&name, &blob_id, &part, SystemClock.unix_ms()))
            .await
    }

    pub(super) async fn note_sending(&self, after: u64) -> Result<(), Error> {
        let Some(name) = self.resume_name() else {
            return Ok(());
        };
        let blob_id = self.row.blob_id;
        self.space
            .core()
            .write(move |log, _| log.note_sending(&name, &blob_id, after))
            .await
    }

    pub(in super::super) async fn forget(&self) -> Result<(), Error> {
        let Some(name) = self.resume_name() else {
            return Ok(());
        };
        let blob_id = self.row.blob_id;
        let forgetting = self
            .space
            .core()
            .write(move |log, _| log.drop_upload(&name, &blob_id));
        forgetting.await
    }

    /// After an error with which nothing can be gone on with: forgets the upload, and gives its room back.
    pub(super) async fn give_up_if_over(&self, error: &Error) -> Result<(), Error> {
        if self.options.resume.is_some() && !is_over(error) {
            return Ok(());
        }
        self.forget().await?;
        // Of one that was announced, a message refers to it.
        if self.row.sending_after.is_none() {
            self.give_room_back().await;
        }
        Ok(())
    }

    /// As far as that can be done now; else the relay does it a day later.
    async fn give_room_back(&self) {
        let shared = &self.space.core().client;
        let Ok(local) = shared.local_account().await else {
            return;
        };
        let space_id = self.space.id();
        let place = (&space_id, &self.row.blob_id);
        let _ = shared
            .api
            .delete_blob(&local.session.token, place, &self.space.core().me())
            .await;
    }
}

/// The version that is put, hashed.
fn version(options: &PutOptions) -> Digest32 {
    let version = options
        .resume
        .as_ref()
        .map_or("", |resume| resume.version.as_str());
    Sha256::digest(version).into()
}

fn draw(epoch: u64, options: &PutOptions) -> UploadRow {
    let mut rng = entropy::system();
    UploadRow {
        blob_id: BlobId::new(entropy::draw(&mut rng)),
        key: Zeroizing::new(entropy::draw(&mut rng)),
        epoch,
        part_bytes: part_bytes(options.length),
        version: version(options),
        sending_after: None,
    }
}

/// Parts long enough that there are not too many, and so short that a few fit into memory.
fn part_bytes(length: Option<u64>) -> u64 {
    let chunks = length
        .and_then(|length| BlobSize::new(length).ok())
        .map_or(0, BlobSize::chunks);
    u64::from(chunks).div_ceil(u64::from(MAX_BLOB_PARTS)).max(CHUNKS) * STORED
}

#[cfg(test)]
mod tests {
    use sealpost_protocol::limits::{MAX_BLOB, MAX_BLOB_PART, MIN_BLOB_PART};

    use super::*;

    #[test]
    fn parts_are_what_the_relay_takes_whatever_the_length() {
        for length in [None, Some(0), Some(1), Some(80 << 30), Some(MAX_BLOB)] {
            let part = part_bytes(length);
            assert!((MIN_BLOB_PART..=MAX_BLOB_PART).contains(&part), "{length:?}");
            let stored = length.map_or(0, |length| BlobSize::new(length).unwrap().stored());
            assert!(stored <= part * u64::from(MAX_BLOB_PARTS), "{length:?}");
        }
        assert_eq!(part_bytes(Some(2 << 30)), 128 * STORED);
    }
}
