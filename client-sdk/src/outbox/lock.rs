//! One process at a time sends into a space: a writer chain has one end. Nobody destroys the home meanwhile.

use std::path::Path;
use std::time::Duration;

use sealpost_protocol::ids::SpaceId;
use tokio::time::sleep;

use crate::client::Client;
use crate::error::{Error, StoreError};
use crate::store::Store;
use crate::store::lock::{FileLock, SEND, SENDING};

/// How often a waiting process looks whether its turn has come. A blocking wait could not be given up.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Held while this process extends the own writer chain of a space.
pub(crate) struct SendLock {
    #[expect(dead_code, reason = "dropping it lets the next one in")]
    space: FileLock,
    #[expect(dead_code, reason = "dropping it lets the home be destroyed")]
    home: FileLock,
}

/// Held while the home is about to be destroyed: nobody begins to send.
pub(crate) struct NobodySends(#[expect(dead_code, reason = "dropping it lets others send")] FileLock);

/// Held by whoever sends, or is about to: [`Client::logout`] destroys nothing meanwhile.
pub struct HomeKept(#[expect(dead_code, reason = "dropping it lets the home be destroyed")] FileLock);

impl Client {
    /// Keeps [`Client::logout`] from destroying this home for as long as the answer is held: for whoever is going to send and does not
    /// know yet what. What is handed over to a space is kept without it until it was sent.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] once the home was destroyed.
    pub async fn keep_home(&self) -> Result<HomeKept, Error> {
        stay(self.shared().store.home()).await.map(HomeKept)
    }
}

impl SendLock {
    /// Waits for the turn of this process.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] once the home was destroyed.
    pub(super) async fn acquire(home: &Path, space_id: &SpaceId) -> Result<Self, Error> {
        let shared = stay(home).await?;
        let space = of_space(home, space_id).await?;
        while !space.try_lock()? {
            sleep(LOOK_AGAIN).await;
        }
        Ok(Self { space, home: shared })
    }

    /// The same for who does not wait.
    ///
    /// # Errors
    /// [`StoreError::Sending`] while another process has its turn.
    pub(crate) async fn at_once(home: &Path, space_id: &SpaceId) -> Result<Self, Error> {
        let shared = stay(home).await?;
        let space = of_space(home, space_id).await?;
        match space.try_lock()? {
            true => Ok(Self { space, home: shared }),
            false => Err(StoreError::Sending.into()),
        }
    }
}

async fn of_space(home: &Path, space_id: &SpaceId) -> Result<FileLock, Error> {
    FileLock::open(home, &format!("{SEND}{space_id}")).await
}

impl NobodySends {
    /// Keeps every process of the home from sending.
    ///
    /// # Errors
    /// [`StoreError::Sending`] while one does.
    pub(crate) async fn in_home(home: &Path) -> Result<Self, Error> {
        let lock = FileLock::open(home, SENDING).await?;
        match lock.try_lock()? {
            true => Ok(Self(lock)),
            false => Err(StoreError::Sending.into()),
        }
    }
}

/// Sees to it that the home stays, and that it is there: what this process has open outlives its file.
async fn stay(home: &Path) -> Result<FileLock, Error> {
    expect_home(home)?;
    let lock = FileLock::open(home, SENDING).await?;
    while !lock.try_lock_shared()? {
        sleep(LOOK_AGAIN).await;
    }
    if let Err(gone) = expect_home(home) {
        lock.discard()?;
        return Err(gone);
    }
    Ok(lock)
}

fn expect_home(home: &Path) -> Result<(), Error> {
    match Store::exists(home) {
        true => Ok(()),
        false => Err(Error::NotLoggedIn(home.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const GARDEN: SpaceId = SpaceId::new([1; 32]);
    const KITCHEN: SpaceId = SpaceId::new([2; 32]);

    struct Home {
        _folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Home {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("home");
            Store::open(&path).await.unwrap();
            Self {
                _folder: folder,
                path,
            }
        }

        fn path(&self) -> &Path {
            &self.path
        }
    }

    fn locks(home: &Path) -> usize {
        let files = std::fs::read_dir(home).unwrap();
        let names = files.map(|file| file.unwrap().path());
        names
            .filter(|path| path.extension().is_some_and(|end| end == "lock"))
            .count()
    }

    #[tokio::test]
    async fn home_is_kept_from_its_end_by_whoever_sends() {
        let home = Home::new().await;
        let garden = SendLock::acquire(home.path(), &GARDEN).await.unwrap();
        let kitchen = SendLock::acquire(home.path(), &KITCHEN).await.unwrap();
        drop(garden);
        let refused = NobodySends::in_home(home.path()).await.err();
        assert!(
            matches!(refused, Some(Error::Store(StoreError::Sending))),
            "{refused:?}"
        );
        drop(kitchen);
        let about_to = stay(home.path()).await.map(HomeKept).unwrap();
        assert!(NobodySends::in_home(home.path()).await.is_err());
        drop(about_to);
        NobodySends::in_home(home.path()).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_sends_from_a_home_that_was_destroyed_and_no_lock_file_stays() {
        let home = Home::new().await;
        let alone = NobodySends::in_home(home.path()).await.unwrap();
        let destroy = async {
            Store::destroy(home.path()).unwrap();
            drop(alone);
        };
        let (sender, ()) = tokio::join!(SendLock::acquire(home.path(), &GARDEN), destroy);
        assert!(matches!(sender.err(), Some(Error::NotLoggedIn(_))));
        let late = SendLock::acquire(home.path(), &GARDEN).await;
        assert!(matches!(late.err(), Some(Error::NotLoggedIn(_))));
        assert_eq!(locks(home.path()), 0);
    }
}
