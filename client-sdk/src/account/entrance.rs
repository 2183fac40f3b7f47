//! The way of an account into a home: one process at a time takes it, and of one that does not get in nothing stays.

use std::path::{Path, PathBuf};

use crate::blocking;
use crate::error::Error;
use crate::store::lock::{ACCOUNT, FileLock};
use crate::store::{Store, prepare_home};

/// Held from before the home is opened until an account is in it, or until that has failed.
pub(crate) struct Entrance {
    home: PathBuf,
    /// There was no store in it, and no account has come yet.
    is_empty: bool,
    _alone: FileLock,
}

impl Entrance {
    /// Makes the folder where it is missing, and keeps other processes from giving it an account.
    ///
    /// # Errors
    /// [`Error::Usage`] while another process does.
    pub(crate) async fn into_home(home: &Path) -> Result<Self, Error> {
        let folder = home.to_owned();
        blocking::run(move || prepare_home(&folder)).await?;
        let alone = FileLock::open(home, ACCOUNT).await?;
        if !alone.try_lock()? {
            return Err(Error::usage(format!(
                "another process is registering or logging in with the home folder {}; nothing was done. Wait for it, or choose \
                 another folder",
                home.display()
            )));
        }
        Ok(Self {
            home: home.to_owned(),
            is_empty: !Store::exists(home),
            _alone: alone,
        })
    }

    /// There is an account in the home.
    pub(crate) fn is_through(&mut self) {
        self.is_empty = false;
    }
}

/// Also where the work is given up half way, by a signal for example. A few files are removed: not worth a thread of its own.
impl Drop for Entrance {
    fn drop(&mut self) {
        if !self.is_empty {
            return;
        }
        if let Err(error) = Store::destroy(&self.home) {
            tracing::warn!(error = %error, "files of a home without an account stay");
        }
    }
}
