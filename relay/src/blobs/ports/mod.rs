//! What blobs need of others: a ledger, a storage, and somebody who knows the spaces.

mod ledger;
mod spaces;
mod storage;

pub use ledger::{
    BlobLedger, BlobRow, BlobState, NOBODY, NewBlob, Quotas, ReserveRefusal, Settled, StaleBefore,
    UnknownState, Usage,
};
pub use spaces::BlobSpaces;
pub use storage::{
    BlobStorage, Done, FINISH_WITHIN, Listed, ListedUpload, SignedGet, SignedPut, StorageError, StoredPart,
    Stores, Upload, UploadId,
};
