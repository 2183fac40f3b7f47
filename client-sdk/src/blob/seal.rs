//! From a reader of plaintext to sealed chunks. The length need not be known before the end.

use std::mem;

use rand::CryptoRng;
use sealpost_protocol::blob::{BlobReference, BlobSize};
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{BlobId, SpaceId};
use sealpost_protocol::limits::{BLOB_CHUNK, SECRET, STORED_CHUNK};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

use super::BlobError;
use super::cipher::{BlobCipher, BlobPlace};
use crate::entropy;

/// Seals what a reader gives, a chunk at a time. At most two chunks are in memory.
pub struct BlobSealer<R> {
    source: R,
    key: Zeroizing<[u8; SECRET]>,
    place: BlobPlace,
    cipher: BlobCipher,
    /// Plaintext of the next chunk, as far as it is read.
    chunk: Vec<u8>,
    /// Plaintext that was read to find out whether that chunk is the last.
    ahead: Vec<u8>,
    read: u64,
    /// The reader gives nothing more.
    ended: bool,
    /// Known once the reader has ended.
    size: Option<BlobSize>,
    next: u32,
    hash: Sha256,
}

/// A blob that is sealed to its end.
pub struct SealedBlob {
    key: Zeroizing<[u8; SECRET]>,
    place: BlobPlace,
    size: BlobSize,
    ciphertext_hash: Digest32,
}

impl<R: AsyncRead + Unpin> BlobSealer<R> {
    /// Seals a new blob, under a key and id of its own, for the members of a space.
    pub fn new(space_id: SpaceId, epoch: u64, source: R) -> Self {
        Self::draw(space_id, epoch, source, &mut entropy::system())
    }

    /// Seals under a key and id that were drawn before, which must never have sealed anything else.
    pub(crate) fn under(
        (space_id, epoch, blob_id): (SpaceId, u64, BlobId),
        key: Zeroizing<[u8; SECRET]>,
        source: R,
    ) -> Self {
        let place = BlobPlace {
            space_id,
            epoch,
            blob_id,
        };
        Self::placed(place, key, source)
    }

    pub(super) fn draw(space_id: SpaceId, epoch: u64, source: R, rng: &mut impl CryptoRng) -> Self {
        let key = Zeroizing::new(entropy::draw(rng));
        let place = BlobPlace {
            space_id,
            epoch,
            blob_id: BlobId::new(entropy::draw(rng)),
        };
        Self::placed(place, key, source)
    }

    fn placed(place: BlobPlace, key: Zeroizing<[u8; SECRET]>, source: R) -> Self {
        Self {
            cipher: BlobCipher::new(&key, &place),
            source,
            key,
            place,
            chunk: Vec::new(),
            ahead: Vec::new(),
            read: 0,
            ended: false,
            size: None,
            next: 0,
            hash: Sha256::new(),
        }
    }

    /// The new blob's id.
    pub fn blob_id(&self) -> BlobId {
        self.place.blob_id
    }

    /// The next sealed chunk; `None` after the last. Called again after an error of the reader, or after it was dropped before
    /// it returned, it goes on where the reader does.
    ///
    /// # Errors
    /// [`BlobError::Io`] from the reader, [`BlobError::TooLarge`].
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        if self.size.is_some_and(|size| self.next == size.chunks()) {
            return Ok(None);
        }
        self.read_ahead().await?;
        let mut chunk = mem::replace(&mut self.chunk, mem::take(&mut self.ahead));
        let end = self.size.filter(|size| size.is_last(self.next));
        if let Some(size) = self.size {
            chunk.resize(size.chunk_length(self.next), 0);
        }
        self.cipher.seal(self.next, end, &mut chunk);
        self.hash.update(&chunk);
        self.next += 1;
        Ok(Some(chunk))
    }

    /// What its readers need, once [`Self::next_chunk`] gave `None`; before that `None`.
    pub fn finish(self) -> Option<SealedBlob> {
        let size = self.size.filter(|size| self.next == size.chunks())?;
        Some(SealedBlob {
            key: self.key,
            place: self.place,
            size,
            ciphertext_hash: self.hash.finalize().into(),
        })
    }

    /// Reads the next chunk, and far enough to know whether it is the last. What was read is kept when this fails.
    async fn read_ahead(&mut self) -> Result<(), BlobError> {
        if self.size.is_some() {
            return Ok(());
        }
        let Self {
            source,
            chunk,
            ahead,
            read,
            ended,
            ..
        } = self;
        for part in [chunk, ahead] {
            fill(source, part, read, ended).await?;
        }
        let size = BlobSize::new(self.read)?;
        if self.ended {
            self.size = Some(size).filter(|_| self.ahead.is_empty());
        }
        Ok(())
    }
}

/// Reads until a chunk is full or the reader has ended. Dropped in between, what was read is in `chunk`.
async fn fill(
    source: &mut (impl AsyncRead + Unpin),
    chunk: &mut Vec<u8>,
    read: &mut u64,
    ended: &mut bool,
) -> Result<(), BlobError> {
    if !*ended {
        chunk.reserve_exact(STORED_CHUNK.saturating_sub(chunk.len()));
    }
    while chunk.len() < BLOB_CHUNK && !*ended {
        let rest = BLOB_CHUNK - chunk.len();
        let count = (&mut *source).take(rest as u64).read_buf(chunk).await?;
        *read += count as u64;
        *ended = count == 0;
    }
    Ok(())
}

impl SealedBlob {
    /// How long it is.
    pub(crate) fn size(&self) -> BlobSize {
        self.size
    }

    /// SHA-256 of all stored bytes.
    pub(crate) fn ciphertext_hash(&self) -> &Digest32 {
        &self.ciphertext_hash
    }

    /// The reference to send, under a name and a media type that may be empty.
    #[must_use]
    pub fn reference(&self, name: &str, content_type: &str) -> BlobReference {
        BlobReference {
            blob_id: self.place.blob_id,
            key: self.key.clone(),
            epoch: self.place.epoch,
            size: self.size,
            ciphertext_hash: self.ciphertext_hash,
            name: name.to_owned(),
            content_type: content_type.to_owned(),
        }
    }
}
