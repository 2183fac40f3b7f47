//! Blobs: what is too large for a message. Sealed in chunks by its writer, stored outside the log, named by a reference inside
//! a message. This crate fixes sizes, what is bound, and the reference; it seals nothing.

mod folder;
mod reference;
mod size;

pub use folder::{FOLDER_TYPE, Folder, FolderError, FolderFile, is_folder_path};
pub use reference::{BlobReference, REFERENCE_TYPE, ReferenceError, check_texts};
pub use size::{BlobSize, TooLarge};

use crate::hash::{Label, framed};
use crate::ids::{BlobId, SpaceId};
use crate::limits::BLOB_CHUNK;

/// Bytes of a nonce before a chunk's counter (4) and last-chunk flag (1).
pub const NONCE_PREFIX: usize = 19;

/// HKDF-SHA256 `info` for a blob's cipher key (32 bytes) and nonce prefix ([`NONCE_PREFIX`]); the reference's key is the input
/// key, the salt empty. So another space, epoch, id or chunk size is another key.
#[must_use]
pub fn blob_info(space_id: &SpaceId, epoch: u64, blob_id: &BlobId) -> Vec<u8> {
    let chunk_size = (BLOB_CHUNK as u32).to_be_bytes();
    let epoch = epoch.to_be_bytes();
    framed(
        Label::BLOB,
        &[space_id.as_bytes(), &epoch, blob_id.as_bytes(), &chunk_size],
    )
}

/// Associated data of the last chunk, which so says where the plaintext ends in it. The others have none.
#[must_use]
pub fn last_chunk_data(size: BlobSize) -> Vec<u8> {
    framed(Label::BLOB_END, &[&size.length().to_be_bytes()])
}
