//! The cipher of one blob: STREAM over XChaCha20-Poly1305, under a key that is derived for this blob of this space and epoch.

use aead_stream::{NewStream, Nonce, StreamBE32, StreamPrimitive};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use sealpost_protocol::blob::{BlobSize, NONCE_PREFIX, blob_info, last_chunk_data};
use sealpost_protocol::ids::{BlobId, SpaceId};
use sealpost_protocol::limits::SECRET;
use sha2::Sha256;
use zeroize::Zeroizing;

type Stream = StreamBE32<XChaCha20Poly1305>;

/// Which blob of which space, sealed in which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlobPlace {
    pub(super) space_id: SpaceId,
    pub(super) epoch: u64,
    pub(super) blob_id: BlobId,
}

/// Seals and opens the chunks of one blob, in any order.
pub(super) struct BlobCipher(Stream);

/// A chunk that does not open.
pub(super) struct NotAChunk;

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
        let cipher = XChaCha20Poly1305::new_from_slice(key).expect("32 bytes are a key");
        let prefix: &Nonce<XChaCha20Poly1305, Stream> = prefix.try_into().expect("19 bytes are a prefix");
        Self(Stream::from_aead(cipher, prefix))
    }

    /// Seals a chunk in place. `end` for the last one: the size of the whole blob.
    pub(super) fn seal(&self, index: u32, end: Option<BlobSize>, chunk: &mut Vec<u8>) {
        let data = end.map(last_chunk_data).unwrap_or_default();
        self.0
            .encrypt_in_place(index, end.is_some(), &data, chunk)
            .expect("a chunk is far below the cipher's limit, and their number below the counter's");
    }

    /// Opens a chunk in place.
    pub(super) fn open(
        &self,
        index: u32,
        end: Option<BlobSize>,
        chunk: &mut Vec<u8>,
    ) -> Result<(), NotAChunk> {
        let data = end.map(last_chunk_data).unwrap_or_default();
        self.0
            .decrypt_in_place(index, end.is_some(), &data, chunk)
            .map_err(|_| NotAChunk)
    }
}
