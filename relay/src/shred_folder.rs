//! The shred ledger as a folder: one file for each deleted space, written once, never changed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::limits::MAX_CONTROL_RECORD;

use crate::entropy::Entropy;
use crate::log::ports::{Prepared, PreparedShred, ShredLedger, ShredLedgerError};

const SUFFIX: &str = ".tombstone";
/// A signed record, its framing and the relay's proof.
const LARGEST: u64 = MAX_CONTROL_RECORD as u64 + 1024;

/// A folder that must lie outside what is backed up with the database, or a restore would take it back as well. All relays of the
/// database write into it.
#[derive(Clone)]
pub struct ShredFolder {
    folder: PathBuf,
    entropy: Arc<dyn Entropy>,
}

impl ShredFolder {
    /// The ledger in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            entropy,
        })
    }

    fn path_of(&self, space_id: &SpaceId) -> PathBuf {
        self.folder.join(format!("{space_id}{SUFFIX}"))
    }

    /// Written beside its place, so that no half file ever bears the name.
    fn draft(&self, space_id: &SpaceId, entry: &[u8]) -> io::Result<Written> {
        let path = self.path_of(space_id);
        let draft = match holds(&path, entry) {
            true => None,
            false => Some(self.draft_beside(&path, entry)?),
        };
        let folder = self.folder.clone();
        Ok(Written { folder, path, draft })
    }

    /// A new file that nobody else writes, nor did before. The number of a process is no name: relays in containers share it.
    fn draft_beside(&self, path: &Path, entry: &[u8]) -> io::Result<Draft> {
        let mut name = [0; 8];
        self.entropy.fill(&mut name);
        let path = path.with_extension(format!("draft-{:016x}", u64::from_le_bytes(name)));
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut file = opened?;
        let draft = Draft(path);
        file.write_all(entry)?;
        file.sync_all()?;
        Ok(draft)
    }

    fn read(&self) -> io::Result<Vec<(SpaceId, Bytes)>> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
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

/// An entry that is on the disk, beside its place or in it.
struct Written {
    folder: PathBuf,
    path: PathBuf,
    draft: Option<Draft>,
}

impl Written {
    /// What stands in its place and says something else is of before there were proofs, or damaged.
    fn put(self) -> io::Result<()> {
        if let Some(draft) = &self.draft {
            fs::rename(&draft.0, &self.path)?;
        }
        // Also where another relay put it there: it may not have come to this yet.
        File::open(&self.folder)?.sync_all()
    }
}

/// A file that goes, unless it was given another name.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // What cannot be removed is in nobody's way: no other has its name, and it is no entry.
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether the entry stands there already. What cannot be read is written anew.
fn holds(path: &Path, entry: &[u8]) -> bool {
    read_bounded(path).is_ok_and(|kept| kept == entry)
}

fn read_bounded(path: &Path) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

impl ShredLedger for ShredFolder {
    fn prepare(&self, space_id: SpaceId, entry: Bytes) -> BoxFuture<'_, Prepared> {
        let folder = self.clone();
        let drafted = blocking(move || folder.draft(&space_id, &entry));
        async move { Ok(Box::new(drafted.await?) as Box<dyn PreparedShred>) }.boxed()
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<(SpaceId, Bytes)>, ShredLedgerError>> {
        let folder = self.clone();
        blocking(move || folder.read())
    }
}

impl PreparedShred for Written {
    fn keep(self: Box<Self>) -> BoxFuture<'static, Result<(), ShredLedgerError>> {
        blocking(move || self.put())
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

#[cfg(test)]
mod tests;
