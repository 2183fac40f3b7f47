//! Backups: made, verified, restored, pruned. Everything goes through here, with Docker and without.
//!
//! ```text
//! FOLDER/backups.lock                       marks a folder of backups; locked while a run works in it
//! FOLDER/status.json                        age, size, last verification
//! FOLDER/20261121T201503Z-01020304/
//!     attached-NAME.age                     what `--attach` named
//!     config.toml.age                       the configuration without its secrets
//!     database.dump.age                     pg_dump, custom format
//!     keys.age                              the key file, or a snapshot of OpenBao's storage: taken last
//!     manifest.json                         what all that is and what it fits; readable by everybody
//!     manifest.seal                         what shows that nobody changed the manifest
//! ```
//!
//! A backup is written under another name and gets its own at the end, so that it is whole or not there. Why it is like this:
//! `adr/0014-the-format-of-a-backup.md`.

mod address;
pub mod authenticity;
mod create;
mod envelope;
mod error;
mod files;
mod folder;
mod heads;
mod keys;
pub mod manifest;
pub mod names;
mod piped;
mod programs;
mod progress;
mod prune;
mod restore;
mod scan;
mod source;
mod status;
mod verify;
mod whole;
mod writer;

pub use self::{
    create::{CreateOptions, Created, create},
    envelope::{Identities, Identity, Label, Recipient},
    error::BackupError,
    folder::{BackupFolder, Draft, Kept},
    heads::{Heads, HeadsHasher},
    keys::{KeySnapshot, OperatorAccess},
    programs::Programs,
    progress::{Progress, Silent, Step},
    prune::{KeepRules, Pruned, prune},
    restore::{Restore, RestoreOptions, Restored},
    scan::{DumpFacts, DumpScanner, ScanError},
    status::{LastBackup, LastVerified, Status},
    verify::{Verified, verify},
    whole::Backup,
};

/// Runs what blocks where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
