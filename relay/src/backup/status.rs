//! What is known of the backups of a folder: `status.json`, for operators, scripts and `/metrics`.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The file, in the folder of the backups.
pub const FILE: &str = "status.json";
/// What is longer is no status.
const MAX_BYTES: u64 = 64 * 1024;

/// What is known of the backups of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The newest backup.
    pub last_backup: Option<LastBackup>,
    /// The newest that was verified, and when.
    pub last_verified: Option<LastVerified>,
}

/// The newest backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBackup {
    /// Its name.
    pub id: String,
    /// When it was begun: what it holds is as old as that.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Bytes of its files.
    pub bytes: u64,
    /// How long it took.
    pub seconds: u64,
}

/// A backup that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerified {
    /// Its name.
    pub id: String,
    /// When it was verified.
    #[serde(with = "time::serde::rfc3339")]
    pub verified_at: OffsetDateTime,
}

impl Status {
    /// The status of a folder; nothing is known where there is none. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        match fs::File::open(folder.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            file => file?.take(MAX_BYTES).read_to_end(&mut bytes)?,
        };
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let (path, draft) = (folder.join(FILE), folder.join(".status.new"));
        let bytes = serde_json::to_vec_pretty(self).expect("a status is texts and numbers");
        fs::write(&draft, bytes)?;
        fs::rename(draft, path)
    }
}

/// Notes a backup that was made. A status that cannot be written costs nobody a backup.
pub(super) fn note_backup(folder: &Path, backup: LastBackup) {
    change(folder, |status| status.last_backup = Some(backup));
}

/// Notes that a backup was verified, where the folder around it is one of backups.
pub(super) fn note_verified(folder: &Path, id: &str, verified_at: OffsetDateTime) {
    if folder.join(FILE).is_file() {
        let id = id.to_owned();
        change(folder, |status| {
            status.last_verified = Some(LastVerified { id, verified_at })
        });
    }
}

fn change(folder: &Path, change: impl FnOnce(&mut Status)) {
    // A status that cannot be read is replaced.
    let mut status = Status::read(folder).unwrap_or_default();
    change(&mut status);
    if let Err(error) = status.write(folder) {
        tracing::warn!(%error, "the status of the backups cannot be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn a_status_keeps_the_newest_backup_and_the_newest_that_was_verified() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Status::read(folder.path()).unwrap(), Status::default());
        note_verified(folder.path(), "a", at(1));
        assert_eq!(Status::read(folder.path()).unwrap(), Status::default());
        for id in ["a", "b"] {
            let backup = LastBackup {
                id: id.into(),
                created_at: at(7),
                bytes: 8,
                seconds: 9,
            };
            note_backup(folder.path(), backup);
        }
        note_verified(folder.path(), "a", at(10));
        let status = Status::read(folder.path()).unwrap();
        assert_eq!(status.last_backup.unwrap().id, "b");
        assert_eq!(status.last_verified.unwrap().verified_at, at(10));
    }
}
