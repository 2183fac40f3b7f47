//! XChaCha20-Poly1305 of the bytes that are many: rows at rest, and chunks of blobs.
//!
//! The crates that do it are generic, and generic code is compiled where it is used, as that place is. Unoptimised it takes 200 us
//! for a KiB in the stead of 3. So the uses that count stand behind functions of this crate, which the workspace compiles
//! with optimisation in every profile. It adds nothing to them: what is bound and how nonces are drawn is for its callers.

mod chunks;
mod whole;

pub use chunks::{ChunkCipher, PREFIX};
pub use whole::{open_in_place, seal_in_place};

/// Bytes of a key.
pub const KEY: usize = 32;
/// Bytes of a nonce.
pub const NONCE: usize = 24;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// What was to be opened is not what was sealed under this key, nonce and associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthentic;
