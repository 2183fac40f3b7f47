//! From stored bytes to plaintext. Nothing is given out before the chunk that holds it is verified.

use sealpost_protocol::blob::{BlobReference, BlobSize};
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::limits::{BLOB_CHUNK, STORED_CHUNK, TAG};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::BlobError;
use super::cipher::{BlobCipher, BlobPlace};

/// Opens single chunks of a blob, in any order.
///
/// A chunk that opens was sealed by somebody who has the reference. That it is the author's, and not one that a fellow member
/// made and put into the storage, shows only when the whole blob is read, see [`BlobReader`].
pub struct ChunkOpener {
    cipher: BlobCipher,
    size: BlobSize,
}

impl ChunkOpener {
    /// For the blob of this reference, which came in a message of this space.
    #[must_use]
    pub fn new(space_id: SpaceId, reference: &BlobReference) -> Self {
        let place = BlobPlace {
            space_id,
            epoch: reference.epoch,
            blob_id: reference.blob_id,
        };
        Self {
            cipher: BlobCipher::new(&reference.key, &place),
            size: reference.size,
        }
    }

    /// Opens the chunk with this number in place; what stays is plaintext without padding.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] unless it is the chunk of this blob with this number; then the buffer is emptied.
    pub fn open(&self, index: u32, chunk: &mut Vec<u8>) -> Result<(), BlobError> {
        let opened = self.verify(index, chunk);
        if opened.is_none() {
            chunk.clear();
        }
        opened.ok_or(BlobError::Damaged { chunk: index })
    }

    fn verify(&self, index: u32, chunk: &mut Vec<u8>) -> Option<()> {
        if index >= self.size.chunks() || chunk.len() != self.size.chunk_length(index) + TAG {
            return None;
        }
        let end = Some(self.size).filter(|size| size.is_last(index));
        self.cipher.open(index, end, chunk).ok()?;
        let rest = self
            .size
            .length()
            .saturating_sub(u64::from(index) * BLOB_CHUNK as u64);
        let plaintext = chunk.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let padding_is_zero = chunk[plaintext..].iter().all(|byte| *byte == 0);
        chunk.truncate(plaintext);
        padding_is_zero.then_some(())
    }
}

/// Opens a whole blob from its stored bytes, in order, and compares their hash with the author's.
pub(crate) struct WholeOpener {
    chunks: ChunkOpener,
    expected: Digest32,
    next: u32,
    hash: Sha256,
}

impl WholeOpener {
    /// For the blob of this reference, which came in a message of this space.
    pub(crate) fn new(space_id: SpaceId, reference: &BlobReference) -> Self {
        Self {
            chunks: ChunkOpener::new(space_id, reference),
            expected: reference.ciphertext_hash,
            next: 0,
            hash: Sha256::new(),
        }
    }

    /// Opens the next stored bytes, which end where a chunk ends; what they hold is added to `plaintext`, up to the first chunk that does
    /// not open.
    pub(crate) fn open(&mut self, mut stored: &[u8], plaintext: &mut Vec<u8>) -> Result<(), BlobError> {
        let mut chunk = Vec::with_capacity(STORED_CHUNK);
        while !stored.is_empty() {
            let length = self.next_length().ok_or(BlobError::TooLong)?;
            let (next, behind) = stored.split_at(length.min(stored.len()));
            chunk.clear();
            chunk.extend_from_slice(next);
            self.open_next(&mut chunk)?;
            plaintext.extend_from_slice(&chunk);
            stored = behind;
        }
        Ok(())
    }

    /// Counts the plaintext of the next chunk, which somebody before this one has given out, as read: its stored form
    /// follows from it. If it is not the author's, the end tells ([`BlobError::Replaced`]).
    pub(crate) fn take_known(&mut self, mut chunk: Vec<u8>) {
        let end = Some(self.chunks.size).filter(|size| size.is_last(self.next));
        self.chunks.cipher.seal(self.next, end, &mut chunk);
        self.hash.update(&chunk);
        self.next += 1;
    }

    /// That all chunks were opened, and are the author's.
    pub(crate) fn finish(&self) -> Result<(), BlobError> {
        if self.next_length().is_some() {
            return Err(BlobError::Damaged { chunk: self.next });
        }
        let found: Digest32 = self.hash.clone().finalize().into();
        (found == self.expected).then_some(()).ok_or(BlobError::Replaced)
    }

    /// Stored bytes of the next chunk; `None` behind the last.
    fn next_length(&self) -> Option<usize> {
        let size = self.chunks.size;
        (self.next < size.chunks()).then(|| size.chunk_length(self.next) + TAG)
    }

    fn open_next(&mut self, chunk: &mut Vec<u8>) -> Result<(), BlobError> {
        self.hash.update(&chunk);
        self.chunks.open(self.next, chunk)?;
        self.next += 1;
        Ok(())
    }
}

/// Opens a whole blob from a reader of its stored bytes, and compares their hash with the author's.
pub struct BlobReader<R> {
    stored: R,
    opener: WholeOpener,
}

impl<R: AsyncRead + Unpin> BlobReader<R> {
    /// Reads the blob of this reference, which came in a message of this space.
    pub fn new(space_id: SpaceId, reference: &BlobReference, stored: R) -> Self {
        Self {
            stored,
            opener: WholeOpener::new(space_id, reference),
        }
    }

    /// The plaintext of the next chunk; `None` once the whole blob is proven to be the author's. Chunks of padding are empty.
    ///
    /// # Errors
    /// [`BlobError`]. Do not use what was read before as the author's file unless `None` came.
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        let Some(length) = self.opener.next_length() else {
            return self.end().await.map(|()| None);
        };
        let mut chunk = Vec::with_capacity(length);
        let mut part = (&mut self.stored).take(length as u64);
        part.read_to_end(&mut chunk).await?;
        self.opener.open_next(&mut chunk)?;
        Ok(Some(chunk))
    }

    async fn end(&mut self) -> Result<(), BlobError> {
        if self.stored.read(&mut [0]).await? != 0 {
            return Err(BlobError::TooLong);
        }
        self.opener.finish()
    }
}
