//! Seals rows.
//!
//! A sealed row is `version (1 byte) ‖ nonce (24) ‖ ciphertext ‖ tag (16)`. Associated data are the table,
//! the space, the key of the row, the data key's id and the version of the row, so that a sealed value put
//! in any other place, or an older value put back, does not open.

use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::{
    aead::{self, NONCE_BYTES, TAG_BYTES},
    associated_data::length_prefixed,
    data_key::OpenDataKey,
};
use crate::entropy::Entropy;

/// The only format so far.
const FORMAT_VERSION: u8 = 1;

/// Where a sealed value stands. The space comes with the data key.
#[derive(Clone, Copy, Debug)]
pub struct RowAddress<'a> {
    /// The table, and the column too where a row has several sealed ones (`"keystores.content"`).
    pub table: &'static str,
    /// The primary key of the row within its table and space, in a fixed encoding.
    pub row_key: &'a [u8],
    /// Counts the changes of a row that changes; 0 for one that never does.
    pub row_version: u64,
}

impl RowAddress<'_> {
    fn associated_data(&self, key: &OpenDataKey) -> Vec<u8> {
        let space = key.scope().space_number().map(i64::to_be_bytes);
        length_prefixed(&[
            b"sealpost/v1/row",
            self.table.as_bytes(),
            key.scope().name().as_bytes(),
            space.as_ref().map_or(&[][..], |bytes| bytes),
            self.row_key,
            key.id().as_bytes(),
            &self.row_version.to_be_bytes(),
        ])
    }
}

/// Seals and opens rows.
#[derive(Clone)]
pub struct RowSealer {
    entropy: Arc<dyn Entropy>,
}

impl RowSealer {
    /// How many bytes longer a sealed value is than its plaintext.
    pub const OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

    /// A sealer that draws its nonces from `entropy`.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }

    /// Seals `plaintext` for the place `address`.
    pub fn seal(&self, key: &OpenDataKey, address: &RowAddress<'_>, plaintext: &[u8]) -> Vec<u8> {
        let associated_data = address.associated_data(key);
        aead::seal(
            key.expose_bytes(),
            &*self.entropy,
            &[FORMAT_VERSION],
            &associated_data,
            plaintext,
        )
    }

    /// Opens what was sealed for the place `address`, within the given buffer.
    pub fn open(
        &self,
        key: &OpenDataKey,
        address: &RowAddress<'_>,
        mut sealed: Vec<u8>,
    ) -> Result<Bytes, RowOpenError> {
        let (&mut version, body) = sealed.split_first_mut().ok_or(RowOpenError::NotAuthentic)?;
        if version != FORMAT_VERSION {
            return Err(RowOpenError::UnknownVersion(version));
        }
        let text = aead::open_in_place(key.expose_bytes(), &address.associated_data(key), body)
            .ok_or(RowOpenError::NotAuthentic)?;
        Ok(Bytes::from(sealed).slice(text.start + 1..text.end + 1))
    }

    /// As [`Self::open`], for plaintexts that are secrets by themselves: the buffer is wiped on drop.
    pub fn open_secret(
        &self,
        key: &OpenDataKey,
        address: &RowAddress<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, RowOpenError> {
        let (&version, body) = sealed.split_first().ok_or(RowOpenError::NotAuthentic)?;
        if version != FORMAT_VERSION {
            return Err(RowOpenError::UnknownVersion(version));
        }
        let mut body = Zeroizing::new(body.to_vec());
        let text = aead::open_in_place(key.expose_bytes(), &address.associated_data(key), &mut body)
            .ok_or(RowOpenError::NotAuthentic)?;
        body.truncate(text.end);
        body.drain(..text.start);
        Ok(body)
    }
}

/// Why a row does not open. Either way the database was changed by something that is not the relay, or by a
/// newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowOpenError {
    /// Altered, cut, moved from another place, an older value put back, or sealed under another key.
    #[error("a stored row is not what was sealed for its place")]
    NotAuthentic,
    /// Sealed in a format that this relay does not know.
    #[error("a stored row has the unknown seal format {0}")]
    UnknownVersion(u8),
}

#[cfg(test)]
mod tests;
