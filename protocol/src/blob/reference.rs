//! What a member must know of a blob to fetch, check and open it. It travels inside a message, so it is signed by its author
//! and sealed to the members.

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::{BlobSize, TooLarge};
use crate::canonical::{NotCanonical, decode_canonical, encode};
use crate::hash::Digest32;
use crate::ids::BlobId;
use crate::limits::{BLOB_CHUNK, MAX_BLOB_NAME, MAX_BLOB_TYPE, SECRET};
use crate::text::turns_text;
use crate::{VERSION, wire};

/// Content type of a message whose body is a reference.
pub const REFERENCE_TYPE: &str = "application/vnd.sealpost.blob";

/// A reference that must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Has a second encoding or unknown fields.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Of a version this code does not know.
    #[error("blob reference version {0} is not known; update this program")]
    Version(u32),
    /// An id, a key or a hash has another length, or the chunks have another size.
    #[error("the blob reference's {0} is malformed")]
    Malformed(&'static str),
    /// The blob claims to be larger than any.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// A blob, as a message names it.
#[derive(Clone, PartialEq, Eq)]
pub struct BlobReference {
    /// Its id.
    pub blob_id: BlobId,
    /// The input key of its cipher key, see [`super::blob_info`].
    pub key: Zeroizing<[u8; SECRET]>,
    /// In which epoch it was sealed; the message may come in a later one.
    pub epoch: u64,
    /// How long it is.
    pub size: BlobSize,
    /// SHA-256 of all stored bytes.
    pub ciphertext_hash: Digest32,
    /// What its writer calls it: no path, no control characters; empty where it has no name.
    pub name: String,
    /// Its media type; empty where nobody knows.
    pub content_type: String,
}

impl BlobReference {
    /// The body of the message.
    ///
    /// # Errors
    /// [`ReferenceError::Malformed`] if the name or type is not one that readers take.
    pub fn encode(&self) -> Result<Bytes, ReferenceError> {
        Ok(encode(&self.to_wire()?))
    }

    pub(super) fn to_wire(&self) -> Result<wire::BlobReference, ReferenceError> {
        check_texts(&self.name, &self.content_type)?;
        Ok(wire::BlobReference {
            version: VERSION,
            blob_id: self.blob_id.to_bytes(),
            key: Bytes::copy_from_slice(&self.key[..]),
            epoch: self.epoch,
            length: self.size.length(),
            chunk_size: BLOB_CHUNK as u32,
            ciphertext_hash: Bytes::copy_from_slice(&self.ciphertext_hash),
            name: self.name.clone(),
            content_type: self.content_type.clone(),
        })
    }

    /// Parses the body of a message of type [`REFERENCE_TYPE`].
    ///
    /// # Errors
    /// See [`ReferenceError`].
    pub fn parse(body: &Bytes) -> Result<Self, ReferenceError> {
        Self::from_wire(decode_canonical(body)?)
    }

    /// What came in one encoding, whatever it stood in.
    pub(super) fn from_wire(message: wire::BlobReference) -> Result<Self, ReferenceError> {
        if message.version != VERSION {
            return Err(ReferenceError::Version(message.version));
        }
        if message.chunk_size != BLOB_CHUNK as u32 {
            return Err(ReferenceError::Malformed("chunk size"));
        }
        if message.epoch == 0 {
            return Err(ReferenceError::Malformed("epoch"));
        }
        check_texts(&message.name, &message.content_type)?;
        Ok(Self {
            blob_id: message.blob_id[..]
                .try_into()
                .map_err(|_| ReferenceError::Malformed("blob id"))?,
            key: Zeroizing::new(array(&message.key, "key")?),
            epoch: message.epoch,
            size: BlobSize::new(message.length)?,
            ciphertext_hash: array(&message.ciphertext_hash, "hash")?,
            name: message.name,
            content_type: message.content_type,
        })
    }
}

impl fmt::Debug for BlobReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobReference")
            .field("blob_id", &self.blob_id)
            .field("epoch", &self.epoch)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

fn array<const N: usize>(bytes: &[u8], part: &'static str) -> Result<[u8; N], ReferenceError> {
    bytes.try_into().map_err(|_| ReferenceError::Malformed(part))
}

/// That readers take a reference with this name and this media type.
///
/// # Errors
/// [`ReferenceError::Malformed`].
pub fn check_texts(name: &str, content_type: &str) -> Result<(), ReferenceError> {
    if !is_name(name) {
        return Err(ReferenceError::Malformed("name"));
    }
    let is_type = |c: u8| c == b' ' || c.is_ascii_graphic();
    if content_type.len() > MAX_BLOB_TYPE || !content_type.bytes().all(is_type) {
        return Err(ReferenceError::Malformed("content type"));
    }
    Ok(())
}

/// One component of a path that means the same wherever it is shown or stored.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\') && !turns_text(c);
    name.len() <= MAX_BLOB_NAME && !matches!(name, "." | "..") && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> BlobReference {
        BlobReference {
            blob_id: BlobId::new([1; 16]),
            key: Zeroizing::new([2; 32]),
            epoch: 3,
            size: BlobSize::new(1_000_000).unwrap(),
            ciphertext_hash: [4; 32],
            name: "Küche.jpg".to_owned(),
            content_type: "image/jpeg".to_owned(),
        }
    }

    fn altered(change: impl FnOnce(&mut wire::BlobReference)) -> Result<BlobReference, ReferenceError> {
        let bytes = reference().encode().unwrap();
        let mut message: wire::BlobReference = decode_canonical(&bytes).unwrap();
        change(&mut message);
        BlobReference::parse(&encode(&message))
    }

    #[test]
    fn reference_round_trips() {
        let bytes = reference().encode().unwrap();
        assert_eq!(BlobReference::parse(&bytes), Ok(reference()));
    }

    #[test]
    fn a_blob_of_two_to_the_sixty_three_bytes_is_refused() {
        let refused = Err(ReferenceError::TooLarge(TooLarge { length: 1 << 63 }));
        assert_eq!(altered(|message| message.length = 1 << 63), refused);
    }

    #[test]
    fn parts_of_another_length_are_refused() {
        let short = Bytes::from_static(&[7; 15]);
        for (part, result) in [
            ("blob id", altered(|message| message.blob_id = short.clone())),
            ("key", altered(|message| message.key = short.clone())),
            ("hash", altered(|message| message.ciphertext_hash = short.clone())),
            ("chunk size", altered(|message| message.chunk_size = 1 << 30)),
            ("epoch", altered(|message| message.epoch = 0)),
        ] {
            assert_eq!(result, Err(ReferenceError::Malformed(part)));
        }
    }

    #[test]
    fn names_that_lead_elsewhere_or_lie_are_refused_on_both_sides() {
        let long = "x".repeat(256);
        for name in [
            "..",
            ".",
            "a/b",
            "a\\b",
            "a\0",
            "a\u{1b}[2J",
            "photo\u{202e}gpj.exe",
            "photo\u{200f}.exe",
            "photo\u{61c}.exe",
            &long,
        ] {
            let refused = Err(ReferenceError::Malformed("name"));
            assert_eq!(
                altered(|message| message.name = name.to_owned()),
                refused,
                "{name}"
            );
            let mut own = reference();
            own.name = name.to_owned();
            assert_eq!(own.encode(), Err(ReferenceError::Malformed("name")));
        }
        let refused = Err(ReferenceError::Malformed("content type"));
        assert_eq!(
            altered(|message| message.content_type = "a\nb".to_owned()),
            refused
        );
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", reference()).contains("2, 2"));
    }
}
