//! The shred ledger as a folder: one file for each deleted space, written once, never changed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::limits::MAX_CONTROL_RECORD;

use crate::log::ports::{ShredLedger, ShredLedgerError};

const SUFFIX: &str = ".tombstone";
/// A signed record, its framing and the relay's proof.
const LARGEST: u64 = MAX_CONTROL_RECORD as u64 + 1024;

/// A folder that must lie outside what is backed up with the database, or a restore would take it back as well.
#[derive(Clone, Debug)]
pub struct ShredFolder(PathBuf);

impl ShredFolder {
    /// The ledger in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self(folder.to_owned()))
    }

    fn path_of(&self, space_id: &SpaceId) -> PathBuf {
        self.0.join(format!("{space_id}{SUFFIX}"))
    }

    /// Written beside its place, then linked to it, so that no half file ever bears the name.
    fn write(&self, space_id: &SpaceId, entry: &[u8]) -> io::Result<()> {
        let path = self.path_of(space_id);
        if path.exists() {
            return Ok(());
        }
        let mut draft = tempfile_beside(&path)?;
        draft.1.write_all(entry)?;
        draft.1.sync_all()?;
        let linked = match fs::hard_link(&draft.0, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        };
        fs::remove_file(&draft.0)?;
        linked?;
        File::open(&self.0)?.sync_all()
    }

    fn read(&self) -> io::Result<Vec<(SpaceId, Bytes)>> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            if let Some(space_id) = id.and_then(|id| id.parse().ok()) {
                kept.push((space_id, read_bounded(&entry.path())?));
            }
        }
        Ok(kept)
    }
}

/// A new file that nobody else writes; what a crash left under its name is overwritten.
fn tempfile_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let (process, draft) = (std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed));
    let draft = path.with_extension(format!("draft-{process}-{draft}"));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    Ok((draft, file))
}

fn read_bounded(path: &Path) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

impl ShredLedger for ShredFolder {
    fn keep(&self, space_id: SpaceId, entry: Bytes) -> BoxFuture<'_, Result<(), ShredLedgerError>> {
        let folder = self.clone();
        blocking(move || folder.write(&space_id, &entry))
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<(SpaceId, Bytes)>, ShredLedgerError>> {
        let folder = self.clone();
        blocking(move || folder.read())
    }
}

fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> BoxFuture<'static, Result<T, ShredLedgerError>> {
    async move {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(io::Error::other).flatten().map_err(ShredLedgerError)
    }
    .boxed()
}
