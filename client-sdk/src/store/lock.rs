//! Files by whose locks the processes of one home keep out of each other's way. The system releases a lock with its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{file_error, remove_if_there};
use crate::blocking;
use crate::error::Error;

/// What the names of lock files in the home end in.
pub(super) const LOCK: &str = "lock";

/// A lock file, and its lock once that was had. Dropped, it is free.
pub(crate) struct FileLock {
    path: PathBuf,
    file: File,
}

impl FileLock {
    /// Opens the lock file `name` of a home. Nothing is locked yet.
    pub(crate) async fn open(home: &Path, name: &str) -> Result<Self, Error> {
        let path = home.join(format!("{name}.{LOCK}"));
        blocking::run(move || {
            let opened = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o600)
                .open(&path);
            let file = opened.map_err(|source| file_error("locking", &path, source))?;
            Ok(Self { path, file })
        })
        .await
    }

    /// Takes the lock, unless another process or another part of this one has it.
    pub(crate) fn try_lock(&self) -> Result<bool, Error> {
        self.had(self.file.try_lock())
    }

    /// Takes the lock together with others who take it so, unless somebody has it alone.
    pub(crate) fn try_lock_shared(&self) -> Result<bool, Error> {
        self.had(self.file.try_lock_shared())
    }

    /// Removes the file, which a home that is gone needs no more.
    pub(crate) fn discard(self) -> Result<(), Error> {
        remove_if_there(&self.path)
    }

    fn had(&self, attempt: Result<(), TryLockError>) -> Result<bool, Error> {
        match attempt {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(file_error("locking", &self.path, source)),
        }
    }
}
