//! How long a blob is: as a file, padded, and as it is stored.

use std::ops::Range;

use crate::limits::{BLOB_CHUNK, MAX_BLOB, STORED_CHUNK, TAG};
use crate::padding::{MIN_PADDED, padme};

const CHUNK: u64 = BLOB_CHUNK as u64;
const STORED: u64 = STORED_CHUNK as u64;

/// A plaintext that is too long for a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a blob has {length} bytes, the limit is {MAX_BLOB}")]
pub struct TooLarge {
    /// Its length in bytes.
    pub length: u64,
}

/// The length of a plaintext, and all that follows from it. Nothing is computed of a length over [`MAX_BLOB`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobSize {
    length: u64,
}

impl BlobSize {
    /// The size of a blob of `length` bytes.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn new(length: u64) -> Result<Self, TooLarge> {
        (length <= MAX_BLOB)
            .then_some(Self { length })
            .ok_or(TooLarge { length })
    }

    /// Bytes of plaintext.
    #[must_use]
    pub fn length(self) -> u64 {
        self.length
    }

    /// Bytes of plaintext and padding: Padmé, at least 256. What storage can learn of the length.
    #[must_use]
    pub fn padded(self) -> u64 {
        padme(self.length).max(MIN_PADDED as u64)
    }

    /// How many chunks there are: at least one.
    #[must_use]
    pub fn chunks(self) -> u32 {
        u32::try_from(self.padded().div_ceil(CHUNK)).expect("the longest blob has under 2^25 chunks")
    }

    /// Bytes of padded plaintext in a chunk: a full one, but for the last.
    ///
    /// # Panics
    /// If there is no such chunk.
    #[must_use]
    pub fn chunk_length(self, index: u32) -> usize {
        assert!(index < self.chunks(), "no chunk {index} in {self:?}");
        let rest = self.padded() - u64::from(index) * CHUNK;
        rest.min(CHUNK) as usize
    }

    /// Whether this is the number of the last chunk.
    #[must_use]
    pub fn is_last(self, index: u32) -> bool {
        index + 1 == self.chunks()
    }

    /// Bytes that are stored: padded plaintext, and a tag for each chunk.
    #[must_use]
    pub fn stored(self) -> u64 {
        self.padded() + u64::from(self.chunks()) * TAG as u64
    }

    /// Where in the stored bytes these chunks are.
    #[must_use]
    pub fn stored_range(self, chunks: Range<u32>) -> Range<u64> {
        let start = |index: u32| (u64::from(index) * STORED).min(self.stored());
        start(chunks.start)..start(chunks.end)
    }

    /// The chunks that hold this part of the plaintext, as far as it exists.
    #[must_use]
    pub fn chunks_of(self, part: Range<u64>) -> Range<u32> {
        let end = part.end.min(self.length);
        if part.start >= end {
            return 0..0;
        }
        let number = |offset: u64| u32::try_from(offset).expect("an offset in a blob is in a chunk of it");
        number(part.start / CHUNK)..number(end.div_ceil(CHUNK))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(length: u64) -> BlobSize {
        BlobSize::new(length).unwrap()
    }

    #[test]
    fn small_files_are_alike_and_empty_ones_too() {
        for length in [0, 1, 255, 256] {
            assert_eq!(
                (size(length).padded(), size(length).chunks()),
                (256, 1),
                "{length}"
            );
            assert_eq!(size(length).stored(), 272);
        }
    }

    #[test]
    fn longer_than_the_limit_is_refused_before_anything_is_computed() {
        assert_eq!(BlobSize::new(MAX_BLOB).map(BlobSize::chunks), Ok(1 << 24));
        for length in [MAX_BLOB + 1, 1 << 63, u64::MAX] {
            assert_eq!(BlobSize::new(length), Err(TooLarge { length }));
        }
    }

    #[test]
    fn parts_of_a_plaintext_lie_in_the_chunks_that_hold_them() {
        let size = size(3 * CHUNK);
        assert_eq!(size.chunks_of(0..1), 0..1);
        assert_eq!(size.chunks_of(CHUNK - 1..CHUNK + 1), 0..2);
        assert_eq!(size.chunks_of(CHUNK..CHUNK), 0..0);
        assert_eq!(size.chunks_of(2 * CHUNK..u64::MAX), 2..3);
        assert_eq!(size.chunks_of(3 * CHUNK..u64::MAX), 0..0);
        assert_eq!(size.stored_range(1..2), STORED..2 * STORED);
    }

    proptest! {
        #[test]
        fn chunks_make_up_the_whole(length in prop_oneof![0..=10 * CHUNK, 0..=MAX_BLOB]) {
            let size = size(length);
            let (chunks, last) = (size.chunks(), size.chunk_length(size.chunks() - 1));
            prop_assert!(last > 0 && last <= BLOB_CHUNK);
            prop_assert_eq!(u64::from(chunks - 1) * CHUNK + last as u64, size.padded());
            prop_assert_eq!(size.stored_range(0..chunks), 0..size.stored());
            prop_assert!(size.padded() >= length);
            prop_assert!(size.padded() <= 256.max(length + length * 12 / 100));
        }
    }
}
