//! One `agent run` of a home at a time answers in a space.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sealpost_sdk::AGENT_RUN_LOCK;
use sealpost_sdk::protocol::ids::SpaceId;

use crate::failure::Failure;

/// Held while this process answers. The system releases it with the process.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Turn {
    /// Takes the turn, unless another process has it. The file goes with the home's other locks when the home is forgotten.
    pub(super) fn take(home: &Path, space_id: &SpaceId) -> Result<Self, Failure> {
        let path = home.join(format!("{AGENT_RUN_LOCK}{space_id}.lock"));
        let failed = |source| Failure::file(format!("locking {}", path.display()), source);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Failure::AgentRuns),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_turn_in_a_space_is_refused_until_the_first_has_ended() {
        let home = tempfile::tempdir().unwrap();
        let (garden, kitchen) = (SpaceId::new([1; 32]), SpaceId::new([2; 32]));
        let first = Turn::take(home.path(), &garden).unwrap();
        assert!(matches!(
            Turn::take(home.path(), &garden),
            Err(Failure::AgentRuns)
        ));
        Turn::take(home.path(), &kitchen).unwrap();
        drop(first);
        Turn::take(home.path(), &garden).unwrap();
    }
}
