//! Looks at everything that can be looked at without any live system.

use std::{path::Path, sync::Arc};

use serde::Serialize;

use super::{
    BackupError,
    envelope::Identities,
    keys::KeySnapshot,
    programs::Programs,
    progress::{Progress, Step},
    status,
    whole::Backup,
};
use crate::clock::Clock;

/// What was found to be right.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// The backup.
    pub id: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// Spaces in its dump, whose heads are those that the manifest names.
    pub spaces: u64,
    /// Data keys in its dump.
    pub data_keys: u64,
    /// Whether every data key was opened under the keys of the backup. With OpenBao that takes a live one: the restore does it.
    pub keys_tried: bool,
}

/// Verifies the backup in `path`, and notes that in the status of the folder around it, if it has one.
///
/// # Errors
/// [`BackupError`], by the name of the first thing that is not right.
pub async fn verify(
    path: &Path,
    identities: Identities,
    programs: Programs,
    clock: &dyn Clock,
    progress: Arc<dyn Progress>,
) -> Result<Verified, BackupError> {
    let looked = look(path, identities, programs, progress).await;
    if let (Ok(verified), Some(folder)) = (
        &looked,
        path.canonicalize().ok().as_deref().and_then(Path::parent),
    ) {
        status::note_verified(folder, &verified.id, clock.now());
    }
    looked
}

async fn look(
    path: &Path,
    identities: Identities,
    programs: Programs,
    progress: Arc<dyn Progress>,
) -> Result<Verified, BackupError> {
    let path = path.to_owned();
    let runtime = tokio::runtime::Handle::current();
    let work = move || runtime.block_on(look_at_all(&path, identities, &programs, &*progress));
    super::blocking(work).await
}

async fn look_at_all(
    path: &Path,
    identities: Identities,
    programs: &Programs,
    progress: &dyn Progress,
) -> Result<Verified, BackupError> {
    progress.step(Step::Hashes);
    let backup = Backup::open(path, identities)?;
    backup.check_files(progress)?;
    progress.step(Step::OpenKeys);
    backup.open_others()?;
    let keys = backup.keys().await?;
    progress.step(Step::ReadDump);
    let facts = backup.read_dump(programs, progress)?;
    backup.check_pair(&keys, &facts).await?;
    let manifest = backup.manifest();
    Ok(Verified {
        id: manifest.id.clone(),
        bytes: manifest.bytes(),
        spaces: facts.heads.spaces,
        data_keys: manifest.database.data_keys,
        keys_tried: matches!(keys, KeySnapshot::File(_)),
    })
}
