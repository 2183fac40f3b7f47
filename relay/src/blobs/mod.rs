//! Blobs: files of members, sealed before they leave the device, in an S3-compatible storage beside the database.
//!
//! The relay carries none of their bytes. It keeps a ledger of what is stored and whose it is, and signs addresses that are good
//! for one part of one upload, or one object, for a few minutes. What can be put is bounded by what was reserved against
//! the quotas; an object comes into being only when the relay completes an upload whose parts it has compared with the
//! author's list, under a name that is never used twice: so nothing is ever replaced, whatever the storage allows.
//!
//! A row of the ledger is written before anything is stored and goes only after the storage has nothing left of it. So a
//! crash leaves rows without objects, which the sweep ends, and never objects without rows. An upload that was begun and not noted
//! is left where the storage does not list uploads; whoever runs it has it end those by their age.

mod complete;
mod delete;
mod download;
mod error;
mod keeper;
mod key;
mod members;
mod pages;
mod parts;
pub mod ports;
mod put;
mod reconcile;
mod reference;
mod reserve;
pub mod s3;
mod service;
mod settings;
mod sweep;
mod turns;

pub use error::BlobError;
pub use keeper::BlobKeeper;
pub use key::{ForeignName, ObjectKey};
pub use parts::Part;
pub use reconcile::{Compared, Difference, Repair};
pub use service::{BlobParts, BlobService, Caller};
pub use settings::BlobSettings;
pub use sweep::{Reach, Swept};

#[cfg(test)]
mod tests;
