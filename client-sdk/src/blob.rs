//! Blobs: files of any size, sealed before they leave the device.
//!
//! A blob is cut into chunks of 64 KiB that are sealed one by one, so that neither side ever holds more than a few of them, and
//! that a part can be read without the rest. Number and end of the chunks are sealed with them: none can be left out,
//! doubled or moved, and the last one says that it is the last. Where the stored bytes go is not this module's business.

mod cipher;
mod open;
mod seal;

pub(crate) use open::WholeOpener;
pub use open::{BlobReader, ChunkOpener};
pub use seal::{BlobSealer, SealedBlob};
pub use sealpost_protocol::blob::{BlobReference, BlobSize, REFERENCE_TYPE, ReferenceError};

use std::io;

use sealpost_protocol::blob::{FolderError, TooLarge};

/// Why a blob was not sealed or not opened. What was given out before is whole.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The bytes could not be read.
    #[error("reading a blob's bytes failed: {0}")]
    Io(#[from] io::Error),
    /// The plaintext is over the limit.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// A chunk is not the one that was sealed at its place: changed, cut, moved, or of another blob.
    #[error("chunk {chunk} of the blob is damaged: what is stored is not what its author sealed")]
    Damaged {
        /// Its number, from 0.
        chunk: u32,
    },
    /// There are bytes behind the last chunk.
    #[error("what is stored is longer than the blob")]
    TooLong,
    /// It is a folder by its type, and no list of files by what is in it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Every chunk opens, but they are not those that the author's reference names: somebody who knows the key sealed them.
    #[error("the blob is not the one that its author sealed")]
    Replaced,
}

impl BlobError {
    /// Whether what is stored is not what the author stored.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::TooLong | Self::Replaced => true,
            Self::Io(_) | Self::TooLarge(_) | Self::Folder(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
