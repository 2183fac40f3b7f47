//! The way of an account into a home: one process at a time takes it, and of one that does not get in nothing stays.

use std::path::{Path, PathBuf};

use super::logout::HomeOf;
use crate::blocking;
use crate::client::Client;
use crate::error::Error;
use crate::store::lock::{ACCOUNT, FileLock};
use crate::store::{Store, prepare_home};

/// Held from before the home is opened until an account is in it, or until that has failed.
pub(crate) struct Entrance {
    home: PathBuf,
    /// There was no account in it, and none has come yet. What there is then a process has left that was killed on the way.
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
            is_empty: Client::home_of(home).await == HomeOf::Nobody,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_killed_process_left_of_a_login_goes_with_the_next_one_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        drop(Store::open(&home).await.unwrap());
        assert!(Store::exists(&home));
        drop(Entrance::into_home(&home).await.unwrap());
        assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn home_that_cannot_be_read_stays_as_it_is_when_a_login_fails() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        drop(Store::open(&home).await.unwrap());
        std::fs::remove_file(home.join("device.key")).unwrap();
        drop(Entrance::into_home(&home).await.unwrap());
        assert!(Store::exists(&home));
    }
}
