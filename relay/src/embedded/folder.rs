//! Private folders and the secrets in them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::EmbeddedError;
use crate::entropy::Entropy;

/// A folder only we may enter, locked until this is dropped.
///
/// The lock belongs to the open file, so the kernel gives it back however the process ends.
#[derive(Debug)]
pub(super) struct LockedFolder {
    path: PathBuf,
    lock: File,
}

impl Drop for LockedFolder {
    /// Closing the file would do, were it not that a child that another thread starts just now has a copy of it for a moment.
    fn drop(&mut self) {
        // It fails for a file that is not open only.
        let _ = self.lock.unlock();
    }
}

impl LockedFolder {
    /// Creates the folder where needed and locks it, or says that another relay has it.
    pub(super) fn open(path: &Path) -> Result<Self, EmbeddedError> {
        create_private(path)?;
        let path = path.canonicalize().map_err(EmbeddedError::file("find", path))?;
        let lock = open_lock(&path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, lock }),
            Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse { folder: path }),
            Err(TryLockError::Error(source)) => Err(EmbeddedError::file("lock", &path)(source)),
        }
    }

    /// The folder, as an absolute path without symbolic links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn open_lock(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(EmbeddedError::file("open", path))
}

/// Creates a folder of mode 0700, with its parents, unless it is there.
pub(super) fn create_private(path: &Path) -> Result<(), EmbeddedError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(EmbeddedError::file("create", path))
}

/// Removes a folder with all in it, if it is there.
pub(super) fn remove_folder(path: &Path) -> Result<(), EmbeddedError> {
    absent_is_fine(fs::remove_dir_all(path)).map_err(EmbeddedError::file("remove", path))
}

/// Removes a file, if it is there.
pub(super) fn remove_file(path: &Path) -> Result<(), EmbeddedError> {
    absent_is_fine(fs::remove_file(path)).map_err(EmbeddedError::file("remove", path))
}

fn absent_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes the file `path` (0600) hold 32 random bytes, unless it exists.
pub(super) fn random_key_file(path: &Path, entropy: &dyn Entropy) -> Result<(), EmbeddedError> {
    if path.exists() {
        return Ok(());
    }
    replace_file(path, random_key(entropy).as_slice())
}

/// Makes the file `path` (0600) hold a random secret of 64 hex digits and no line end, unless it exists.
pub(super) fn random_text_file(path: &Path, entropy: &dyn Entropy) -> Result<(), EmbeddedError> {
    if path.exists() {
        return Ok(());
    }
    let text = Zeroizing::new(hex::encode(random_key(entropy).as_slice()));
    replace_file(path, text.as_bytes())
}

fn random_key(entropy: &dyn Entropy) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    entropy.fill(key.as_mut_slice());
    key
}

/// Writes a file (0600) beside `path` and renames it, so that a crash leaves the old file or the new, never half.
pub(super) fn replace_file(path: &Path, content: &[u8]) -> Result<(), EmbeddedError> {
    let draft = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().map_err(EmbeddedError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let locked = LockedFolder::open(folder.path()).unwrap();
        let second = LockedFolder::open(folder.path());
        assert!(matches!(second, Err(EmbeddedError::InUse { .. })));
        drop(locked);
        LockedFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn a_copy_of_the_lock_in_a_child_that_is_being_started_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let locked = LockedFolder::open(folder.path()).unwrap();
        let copy = locked.lock.try_clone().unwrap();
        drop(locked);
        LockedFolder::open(folder.path()).unwrap();
        drop(copy);
    }
}
