//! An S3-compatible bucket: the only module that knows S3.
//!
//! Addresses are signed (Signature Version 4) for the public endpoint; everything else goes to the internal one. How a part is
//! bound to its hash differs between servers, so that is tried once before anything is signed ([`Dialect`]).

mod client;
mod dialect;
mod failure;
mod lists;
mod probe;
mod sign;
mod storage;

pub use client::S3Settings;
pub use dialect::{Dialect, PartBinding, PublicSide};
pub use storage::S3Storage;
