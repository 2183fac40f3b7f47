//! The folder that holds the backups: one folder for each, named by its time, whole or not there.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use time::{
    Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset, format_description::BorrowedFormatItem,
    macros::format_description,
};

use super::{BackupError, manifest};
use crate::entropy::Entropy;

/// What is being written, or taken away, begins with this.
const DRAFT: &str = ".draft-";
/// Marks a folder of backups, and is locked while a run works in it.
const LOCK: &str = "backups.lock";
const TIME: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
/// Length of a time as it stands in a name.
const TIME_CHARACTERS: usize = 16;

/// A folder of backups that this run alone works in.
#[derive(Debug)]
pub struct BackupFolder {
    path: PathBuf,
    _lock: File,
}

/// A backup that is there, whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// When it was begun.
    pub created_at: OffsetDateTime,
    /// Its name.
    pub id: String,
}

impl BackupFolder {
    /// Locks the folder and removes what runs that were killed left in it. A folder without backups is taken only where that
    /// is meant (`first`): an empty one is what a disk that is not mounted looks like. Blocks.
    ///
    /// # Errors
    /// [`BackupError::FolderAbsent`], [`BackupError::FolderNew`], [`BackupError::FolderUnwritable`], [`BackupError::Busy`].
    pub fn open(path: &Path, first: bool) -> Result<Self, BackupError> {
        if !path.is_dir() {
            return Err(BackupError::FolderAbsent(path.to_owned()));
        }
        let unwritable = |source| BackupError::FolderUnwritable {
            folder: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options.write(true).create(first).truncate(false).mode(0o600);
        let lock = match options.open(path.join(LOCK)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(BackupError::FolderNew(path.to_owned()));
            }
            lock => lock.map_err(unwritable)?,
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        folder.remove_leftovers().map_err(unwritable)?;
        Ok(folder)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a disk on which there is no room. Blocks.
    ///
    /// # Errors
    /// [`BackupError::FolderFull`].
    pub fn demand_room(&self, needed: u64) -> Result<(), BackupError> {
        let found = rustix::fs::statvfs(&self.path).map_err(|error| BackupError::FolderUnwritable {
            folder: self.path.clone(),
            source: error.into(),
        })?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        match free >= needed {
            true => Ok(()),
            false => Err(BackupError::FolderFull {
                folder: self.path.clone(),
                needed,
                free,
            }),
        }
    }

    /// An empty folder for a backup that is being made. Blocks.
    ///
    /// # Errors
    /// [`BackupError::FolderUnwritable`].
    pub fn draft(&self, id: &str) -> Result<Draft, BackupError> {
        let path = self.path.join(format!("{DRAFT}{id}"));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| BackupError::FolderUnwritable {
            folder: self.path.clone(),
            source,
        })?;
        Ok(Draft {
            parent: self.path.clone(),
            path,
            id: id.to_owned(),
        })
    }

    /// All backups that are there, oldest first. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn kept(&self) -> Result<Vec<Kept>, BackupError> {
        let entries = fs::read_dir(&self.path).map_err(BackupError::file("list", &self.path))?;
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry.map_err(BackupError::file("list", &self.path))?;
            let id = entry.file_name().to_string_lossy().into_owned();
            if let Some(created_at) = time_of(&id)
                && entry.path().join(manifest::FILE).is_file()
            {
                kept.push(Kept { created_at, id });
            }
        }
        kept.sort();
        Ok(kept)
    }

    /// When a backup that begins now begins by its name: after all that are there, so that the newest is always the last, even where
    /// two begin within a second or the clock was set back. Blocks.
    ///
    /// # Errors
    /// As [`Self::kept`].
    pub fn moment(&self, now: OffsetDateTime) -> Result<OffsetDateTime, BackupError> {
        let newest = self.kept()?.pop().map(|newest| newest.created_at);
        Ok(newest.map_or(now, |newest| now.max(newest + Duration::SECOND)))
    }

    /// Takes a backup away, all of it at once. Blocks.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, backup: &Kept) -> Result<(), BackupError> {
        let (path, doomed) = (
            self.path.join(&backup.id),
            self.path.join(format!("{DRAFT}removed-{}", backup.id)),
        );
        fs::rename(&path, &doomed).map_err(BackupError::file("remove", &path))?;
        sync_folder(&self.path)?;
        fs::remove_dir_all(&doomed).map_err(BackupError::file("remove", &doomed))
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(DRAFT) {
                tracing::info!(name = %entry.file_name().display(), "removing what a run that was cut short left");
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// A backup that is being made. Dropped, it stays, and the next run removes it.
#[derive(Debug, Clone)]
pub struct Draft {
    parent: PathBuf,
    path: PathBuf,
    id: String,
}

impl Draft {
    /// Where a file of it goes.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a small file, durably. Blocks.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), BackupError> {
        let path = self.file(name);
        let write = || -> io::Result<()> {
            let mut file = create(&path)?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(BackupError::file("write", &path))
    }

    /// Gives it its name: from here on it is a backup. All its files have to be durable. Blocks.
    ///
    /// # Errors
    /// When that fails; it is then not there, or there whole.
    pub fn publish(self) -> Result<PathBuf, BackupError> {
        sync_folder(&self.path)?;
        let path = self.parent.join(&self.id);
        fs::rename(&self.path, &path).map_err(BackupError::file("finish", &path))?;
        sync_folder(&self.parent)?;
        Ok(path)
    }
}

/// A new file that only its owner can read.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Whether a path is that of a backup that was never finished.
pub(super) fn is_draft(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.is_some_and(|name| name.starts_with(DRAFT))
}

/// A name for a backup that begins now.
pub(super) fn name(now: OffsetDateTime, entropy: &dyn Entropy) -> String {
    let mut random = [0; 4];
    entropy.fill(&mut random);
    let time = now.to_offset(UtcOffset::UTC).format(TIME);
    let time = time.expect("a time of our clock has all the parts");
    format!("{time}-{}", hex::encode(random))
}

/// When the backup of this name was begun; `None` if it is no name of a backup.
pub(super) fn time_of(id: &str) -> Option<OffsetDateTime> {
    let (time, random) = id.split_at_checked(TIME_CHARACTERS)?;
    let random = random.strip_prefix('-')?;
    let is_random = random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    let time = PrimitiveDateTime::parse(time, TIME).ok()?.assume_utc();
    is_random.then_some(time)
}

fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(BackupError::file("make durable", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn a_name_tells_its_time_and_two_of_one_second_differ() {
        let (one, two) = (
            name(at(1_795_292_103), &SystemEntropy),
            name(at(1_795_292_103), &SystemEntropy),
        );
        assert!(one.starts_with("20261121T") && one != two, "{one} {two}");
        assert_eq!(time_of(&one), Some(at(1_795_292_103)));
        for none in [
            "",
            "20261121T201503Z",
            "20261121T201503Z-0102030",
            "20261321T201503Z-01020304",
            "status.json",
        ] {
            assert_eq!(time_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_folder_that_is_absent_or_new_is_named_before_anything_is_written() {
        let parent = tempfile::tempdir().unwrap();
        let absent = BackupFolder::open(&parent.path().join("absent"), true);
        assert!(matches!(absent, Err(BackupError::FolderAbsent(_))));
        let new = BackupFolder::open(parent.path(), false);
        assert!(matches!(new, Err(BackupError::FolderNew(_))));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_runs_in_one_folder_refuse_each_other() {
        let parent = tempfile::tempdir().unwrap();
        let folder = BackupFolder::open(parent.path(), true).unwrap();
        let second = BackupFolder::open(parent.path(), false);
        assert!(matches!(second, Err(BackupError::Busy(_))));
        drop(folder);
        BackupFolder::open(parent.path(), false).unwrap();
    }

    #[test]
    fn what_a_killed_run_left_is_no_backup_and_the_next_run_removes_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = BackupFolder::open(parent.path(), true).unwrap();
        let id = name(at(1_795_292_103), &SystemEntropy);
        let draft = folder.draft(&id).unwrap();
        draft.write(manifest::FILE, b"{}").unwrap();
        let left = draft.path.clone();
        assert!(is_draft(&left));
        assert_eq!(folder.kept().unwrap(), []);
        drop(folder);
        BackupFolder::open(parent.path(), false).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn a_finished_backup_is_kept_until_it_is_removed_whole() {
        let parent = tempfile::tempdir().unwrap();
        let folder = BackupFolder::open(parent.path(), true).unwrap();
        for time in [1_795_292_103, 1_795_000_000] {
            let draft = folder.draft(&name(at(time), &SystemEntropy)).unwrap();
            draft.write(manifest::FILE, b"{}").unwrap();
            draft.publish().unwrap();
        }
        let kept = folder.kept().unwrap();
        assert_eq!(
            kept.iter().map(|one| one.created_at).collect::<Vec<_>>(),
            [at(1_795_000_000), at(1_795_292_103)]
        );
        folder.remove(&kept[0]).unwrap();
        assert_eq!(folder.kept().unwrap(), kept[1..]);
    }

    #[test]
    fn a_backup_is_later_than_all_before_even_within_a_second_or_behind_a_clock_that_was_set_back() {
        let parent = tempfile::tempdir().unwrap();
        let folder = BackupFolder::open(parent.path(), true).unwrap();
        let begun = [at(1_795_000_000), at(1_795_000_000), at(1_700_000_000)];
        let ids = begun.map(|now| {
            let id = name(folder.moment(now).unwrap(), &SystemEntropy);
            let draft = folder.draft(&id).unwrap();
            draft.write(manifest::FILE, b"{}").unwrap();
            draft.publish().unwrap();
            id
        });
        let kept = folder.kept().unwrap();
        assert!(kept.iter().map(|one| &one.id).eq(&ids), "{kept:?}");
        let later = at(1_795_292_103);
        assert_eq!(folder.moment(later).unwrap(), later);
    }

    #[test]
    fn a_disk_that_is_too_small_is_named_with_what_is_needed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = BackupFolder::open(parent.path(), true).unwrap();
        folder.demand_room(1).unwrap();
        let full = folder.demand_room(u64::MAX);
        assert!(matches!(
            full,
            Err(BackupError::FolderFull { needed: u64::MAX, .. })
        ));
    }
}
