//! Why a relay does not start, or ended unasked.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{
    atrest::{DataKeyError, KeyFileError, KeyWrapError},
    blobs::ports::StorageError,
    bus::BusClosed,
    directory::DirectoryError,
    lifecycle::Crash,
    log::LogError,
    store_failure::StoreFailure,
};

/// Why a relay does not start, or ended unasked. The text says what to do where we know.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A listener does not know its address.
    #[error("a listener was lost: {0}")]
    Socket(#[source] io::Error),
    /// The file with the database's URL cannot be read.
    #[error("cannot read database.url_file: {0}")]
    DatabaseUrl(#[source] io::Error),
    /// The database cannot be reached.
    #[error("{0}: check database.url and that Postgres runs")]
    Database(#[from] StoreFailure),
    /// The schema is not the one this build needs, or cannot be made so.
    #[error("the database schema: {0}")]
    Schema(#[from] sealpost_migrations::Error),
    /// The key file cannot be used.
    #[error("the key file: {0}")]
    KeyFile(#[from] KeyFileError),
    /// The database holds keys, and the key file that opens them is gone.
    #[error(
        "there is no key file at {}, but the database holds keys that only the lost one opens: restore the key file from \
         the backup, or point kms.file.path (or kms.kind) to what the database was used with. Nothing was changed", path.display()
    )]
    KeyFileLost {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is no key file, and nothing needs one yet.
    #[error("there is no key file yet: the first start of the relay makes it")]
    NoKeyFileYet,
    /// Access in front cannot be checked as configured.
    #[error("[access]: {0}")]
    Access(&'static str),
    /// The key service cannot be used as configured.
    #[error("the key service: {0}")]
    KeyService(#[from] KeyWrapError),
    /// Data keys cannot be used.
    #[error(transparent)]
    DataKeys(#[from] DataKeyError),
    /// The accounts cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The bus cannot be used.
    #[error(transparent)]
    Bus(#[from] BusClosed),
    /// The shred ledger cannot be used.
    #[error("shreds.folder: {0}")]
    ShredFolder(#[source] io::Error),
    /// Spaces that were deleted before a restore could not be deleted again.
    #[error("the shred ledger could not be replayed ({0}): see the log")]
    Shreds(LogError),
    /// A file with a secret or certificate of the storage of blobs cannot be read.
    #[error("a file that [blobs] names cannot be read: {0}")]
    BlobSecrets(#[source] io::Error),
    /// The storage of blobs cannot be used as configured.
    #[error("[blobs]: {0}: check bucket, keys, region and path_style")]
    BlobStorage(#[from] StorageError),
    /// The storage of blobs is not good enough.
    #[error("[blobs]: this storage cannot be used in production: {0}")]
    BlobStorageDangers(String),
    /// A part ended unasked.
    #[error(transparent)]
    Crashed(#[from] Crash),
}
