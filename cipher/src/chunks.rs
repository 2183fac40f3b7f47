//! Many chunks under one key: the STREAM construction with a counter of 32 bits and a last-chunk flag.

use aead_stream::{NewStream, Nonce, StreamBE32, StreamPrimitive};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305};

use crate::{KEY, NotAuthentic};

type Stream = StreamBE32<XChaCha20Poly1305>;

/// Bytes of a nonce before a chunk's counter (4) and last-chunk flag (1).
pub const PREFIX: usize = 19;

/// Seals and opens the chunks of one text, in any order.
pub struct ChunkCipher(Stream);

impl ChunkCipher {
    /// A key and prefix must never seal another text.
    #[must_use]
    pub fn new(key: &[u8; KEY], prefix: &[u8; PREFIX]) -> Self {
        let key: &Key = key.into();
        let prefix: &Nonce<XChaCha20Poly1305, Stream> = prefix.into();
        Self(Stream::from_aead(XChaCha20Poly1305::new(key), prefix))
    }

    /// Seals a chunk in place and appends its tag.
    ///
    /// # Panics
    /// With the number 2^32 - 1, which has no successor, or a chunk of 256 GiB.
    pub fn seal(&self, index: u32, is_last: bool, associated_data: &[u8], chunk: &mut Vec<u8>) {
        self.0
            .encrypt_in_place(index, is_last, associated_data, chunk)
            .expect("a chunk is far below the cipher's limit, and their number below the counter's");
    }

    /// Opens a chunk in place and takes its tag off.
    ///
    /// # Errors
    /// [`NotAuthentic`].
    pub fn open(
        &self,
        index: u32,
        is_last: bool,
        associated_data: &[u8],
        chunk: &mut Vec<u8>,
    ) -> Result<(), NotAuthentic> {
        self.0
            .decrypt_in_place(index, is_last, associated_data, chunk)
            .map_err(|_| NotAuthentic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_opens_at_its_place_alone() {
        let cipher = ChunkCipher::new(&[1; KEY], &[2; PREFIX]);
        let mut sealed = b"chunk".to_vec();
        cipher.seal(3, false, b"data", &mut sealed);
        for (index, is_last, data) in [(4, false, &b"data"[..]), (3, true, b"data"), (3, false, b"else")] {
            let opened = cipher.open(index, is_last, data, &mut sealed.clone());
            assert_eq!(opened, Err(NotAuthentic), "{index} {is_last}");
        }
        cipher.open(3, false, b"data", &mut sealed).unwrap();
        assert_eq!(sealed, b"chunk");
    }
}
