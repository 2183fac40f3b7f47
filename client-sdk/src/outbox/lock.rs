//! One process at a time sends into a space: a writer chain has one end.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sealpost_protocol::ids::SpaceId;
use tokio::time::sleep;

use crate::blocking;
use crate::error::{Error, StoreError};
use crate::store::LOCK;

/// How often a waiting process looks whether its turn has come. A blocking wait could not be given up.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Held while this process extends the own writer chain of a space. The system releases it with the process.
pub(super) struct SendLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl SendLock {
    /// Waits for the turn of this process.
    pub(super) async fn acquire(home: &Path, space_id: &SpaceId) -> Result<Self, Error> {
        let path = home.join(format!("send-{space_id}.{LOCK}"));
        let failed = |path: &Path, source| {
            let what = format!("locking {}", path.display());
            Error::from(StoreError::File { what, source })
        };
        let opened = path.clone();
        let file = blocking::run(move || open(&opened)).await;
        let file = file.map_err(|source| failed(&path, source))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) => sleep(LOOK_AGAIN).await,
                Err(TryLockError::Error(source)) => return Err(failed(&path, source)),
            }
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}
