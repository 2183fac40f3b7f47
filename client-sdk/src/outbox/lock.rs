//! One process at a time sends into a space: a writer chain has one end.

use std::path::Path;
use std::time::Duration;

use sealpost_protocol::ids::SpaceId;
use tokio::time::sleep;

use crate::error::Error;
use crate::store::lock::FileLock;

/// How often a waiting process looks whether its turn has come. A blocking wait could not be given up.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Held while this process extends the own writer chain of a space.
pub(super) struct SendLock(#[expect(dead_code, reason = "dropping it lets the next one in")] FileLock);

impl SendLock {
    /// Waits for the turn of this process.
    pub(super) async fn acquire(home: &Path, space_id: &SpaceId) -> Result<Self, Error> {
        let lock = FileLock::open(home, &format!("send-{space_id}")).await?;
        while !lock.try_lock()? {
            sleep(LOOK_AGAIN).await;
        }
        Ok(Self(lock))
    }
}
