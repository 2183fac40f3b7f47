//! The cipher of one blob: STREAM over XChaCha20-Poly1305, under a key that is derived for this blob of this space and epoch.

use hkdf::Hkdf;
use sealpost_cipher::{ChunkCipher, NotAuthentic};
use sealpost_protocol::blob::{BlobSize, NONCE_PREFIX, blob_info, last_chunk_data};
use sealpost_protocol::ids::{BlobId, SpaceId};
use sealpost_protocol::limits::SECRET;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Which blob of which space, sealed in which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlobPlace {
    pub(super) space_id: SpaceId,
    pub(super) epoch: u64,
    pub(super) blob_id: BlobId,
}

/// Seals and opens the chunks of one blob, in any order.
pub(super) struct BlobCipher(ChunkCipher);

impl BlobCipher {
    pub(super) fn new(key: &[u8; SECRET], place: &BlobPlace) -> Self {
        let mut derived = Zeroizing::new([0; SECRET + NONCE_PREFIX]);
        Hkdf::<Sha256>::new(None, key)
            .expand(
                &blob_info(&place.space_id, place.epoch, &place.blob_id),
                &mut derived[..],
            )
            .expect("51 bytes are below HKDF's limit of 8,160");
        let (key, prefix) = derived.split_at(SECRET);
        let key = key.try_into().expect("32 bytes are a key");
        Self(ChunkCipher::new(
            key,
            prefix.try_into().expect("19 bytes are a prefix"),
        ))
    }

    /// Seals a chunk in place. `end` for the last one: the size of the whole blob.
    pub(super) fn seal(&self, index: u32, end: Option<BlobSize>, chunk: &mut Vec<u8>) {
        let data = end.map(last_chunk_data).unwrap_or_default();
        self.0.seal(index, end.is_some(), &data, chunk);
    }

    /// Opens a chunk in place.
    pub(super) fn open(
        &self,
        index: u32,
        end: Option<BlobSize>,
        chunk: &mut Vec<u8>,
    ) -> Result<(), NotAuthentic> {
        let data = end.map(last_chunk_data).unwrap_or_default();
        self.0.open(index, end.is_some(), &data, chunk)
    }
}
