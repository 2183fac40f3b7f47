//! Why a request about blobs was refused or failed.

use crate::blobs::ports::StorageError;
use crate::log::LogError;
use crate::store_failure::StoreFailure;

/// A request about blobs was refused, or failed. Texts name no blob and no address.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A part of the request is not what it must be.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// More bytes or parts than may be.
    #[error("over the limit of {limit}")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The space refuses, or cannot be looked at.
    #[error(transparent)]
    Space(#[from] LogError),
    /// There is no such blob that the caller may see.
    #[error("not found")]
    NotFound,
    /// The caller lacks the capability, or the blob is somebody else's to deal with.
    #[error("not permitted")]
    NotPermitted,
    /// The id is taken, or the blob is complete with other bytes.
    #[error("the blob is in another state")]
    Conflict,
    /// What the storage has is not what the list says.
    #[error("the stored parts are not those of the list")]
    PartsMismatch,
    /// The upload was given up.
    #[error("the upload is over")]
    Expired,
    /// The storage of the account or the space is used up.
    #[error("the quota of {limit} is used up")]
    QuotaExceeded {
        /// The quota: bytes, or blobs.
        limit: u64,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] StoreFailure),
}
