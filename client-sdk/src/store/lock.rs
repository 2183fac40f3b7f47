//! Files by whose locks the processes of one home keep out of each other's way. The system releases a lock with its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{file_error, remove_if_there};
use crate::blocking;
use crate::error::Error;

/// What the names of lock files in the home end in.
const LOCK: &str = "lock";
/// Held by who gives the home an account.
pub(crate) const ACCOUNT: &str = "account";
/// Shared by all who send, whatever the space.
pub(crate) const SENDING: &str = "sending";
/// Held by who sends into a space, whose id follows.
pub(crate) const SEND: &str = "send-";
/// What begins the name of the lock, in a home, that an agent's program holds while it answers in a space: the space's id and `.lock`
/// follow. It goes with the home.
pub const AGENT_RUN_LOCK: &str = "agent-run-";

/// Whether it is one of these. The folder may hold others: it is the owner's choice.
pub(super) fn is_own_lock(path: &Path) -> bool {
    let is_lock = path.extension().is_some_and(|extension| extension == LOCK);
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let of_a_space = || {
        [SEND, AGENT_RUN_LOCK]
            .iter()
            .any(|prefix| stem.starts_with(prefix))
    };
    is_lock && ([ACCOUNT, SENDING].contains(&stem) || of_a_space())
}

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
