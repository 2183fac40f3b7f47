//! Why a backup could not be made, is not accepted, or was not restored.

use std::{io, path::PathBuf};

use crate::{
    app::AppError,
    atrest::{KeyWrapError, transit::RaftError},
    store_failure::StoreFailure,
};

/// Why a backup could not be made, is not accepted, or was not restored. Each text says what to do where we know; none holds a
/// secret.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nobody could ever open what would be made.
    #[error(
        "no recipient: a backup holds the keys of the database and is never written unencrypted. Make an identity on a machine that \
         is not this one (`sealpost-relay backup identity --out FILE`, or age-keygen), keep that file offline, and give its public \
         half by --recipient age1... or as backup.recipients"
    )]
    NoRecipient,
    /// Not the public half of an age identity.
    #[error(
        "`{0}` is no age recipient: it begins with age1 and stands in the identity file, behind `public key:`"
    )]
    BadRecipient(String),
    /// The file holds no identity.
    #[error("{} holds no age identity (a line that begins with AGE-SECRET-KEY-1)", .0.display())]
    BadIdentity(PathBuf),
    /// The backup was made for somebody else.
    #[error("wrong identity: this backup was encrypted to another recipient")]
    WrongIdentity,
    /// There is no such folder.
    #[error("{} is not there: is its disk mounted? A new place is made with mkdir", .0.display())]
    FolderAbsent(PathBuf),
    /// Nothing was ever backed up to this folder.
    #[error(
        "{} holds no backups yet: its disk may not be mounted. If this is a new place, say so once with --first", .0.display()
    )]
    FolderNew(PathBuf),
    /// Nothing can be written to the folder.
    #[error("{} cannot be written: {source}", folder.display())]
    FolderUnwritable {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder's disk is too small. Nothing was written.
    #[error("{} is full: a backup takes up to {needed} bytes, {free} are free", folder.display())]
    FolderFull {
        /// The folder.
        folder: PathBuf,
        /// What the backup may take.
        needed: u64,
        /// What there is.
        free: u64,
    },
    /// Another run works in the folder.
    #[error("another backup or prune works in {}; wait for it", .0.display())]
    Busy(PathBuf),
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A program of Postgres is not there.
    #[error(
        "cannot run {program} ({source}): install the client programs of Postgres, and name their folder as backup.programs or by \
         --programs if they are not in PATH"
    )]
    ProgramMissing {
        /// Such as `pg_dump`.
        program: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A program of Postgres failed.
    #[error("{program} failed: {message}")]
    ProgramFailed {
        /// Such as `pg_dump`.
        program: &'static str,
        /// What it complained about.
        message: String,
    },
    /// The folder is no backup.
    #[error("{} is no backup: it has no manifest.json", .0.display())]
    NoManifest(PathBuf),
    /// The folder is what a run that was cut short left.
    #[error("{} is the leftover of a run that was cut short: the next run removes it", .0.display())]
    Unfinished(PathBuf),
    /// The manifest is cut off, or is none.
    #[error("manifest.json is cut off or is no manifest: {0}")]
    ManifestMalformed(String),
    /// The manifest was made by a later relay.
    #[error(
        "the backup has format {found}, this relay reads {known}: use the relay that made it, or a newer one"
    )]
    FormatNewer {
        /// That of the backup.
        found: u32,
        /// The newest that is read.
        known: u32,
    },
    /// manifest.seal is gone.
    #[error("manifest.seal is missing: nothing shows that the manifest is the one that was written")]
    SealMissing,
    /// manifest.seal is not readable.
    #[error("manifest.seal was changed or cut off")]
    SealMalformed,
    /// The manifest or its seal was changed, or they are of two backups.
    #[error(
        "manifest.json is not what was written: it was changed, or its manifest.seal is that of another backup"
    )]
    ManifestChanged,
    /// Who wrote the seal had the recipient, but not the keys.
    #[error(
        "the manifest was sealed by somebody who did not have the keys of this deployment: this backup is a forgery"
    )]
    SealForged,
    /// A file is gone.
    #[error("{0} is missing")]
    FileMissing(String),
    /// A file is not the one that the manifest names.
    #[error("{name} was changed: {why}")]
    FileChanged {
        /// The file.
        name: String,
        /// How that shows.
        why: &'static str,
    },
    /// A file is another backup's.
    #[error("mismatched pair: {name} belongs to {whose} ({found}), this backup is {expected}")]
    Foreign {
        /// The file.
        name: String,
        /// How the two are related.
        whose: &'static str,
        /// The backup that the file is of.
        found: String,
        /// The backup that the manifest is of.
        expected: String,
    },
    /// The parts do not fit together although nothing was changed.
    #[error("mismatched pair: {0}")]
    Pairing(String),
    /// A later relay made the database.
    #[error(
        "the backup has schema version {found}, this relay knows {known}: restore it with the relay that made it, or a newer one"
    )]
    SchemaNewer {
        /// That of the backup.
        found: i32,
        /// The newest that this relay knows.
        known: i32,
    },
    /// The target's database is in use.
    #[error("the target database is not empty ({tables} tables): a restore needs an empty one")]
    DatabaseNotEmpty {
        /// Tables that are there.
        tables: i64,
    },
    /// There is another key file where the backup's would go.
    #[error("there is a key file at {} with another key: a restore does not replace keys", .0.display())]
    KeyFileInTheWay(PathBuf),
    /// The backup is for another kind of key service.
    #[error("the backup holds keys for kms.kind {backup}, the target is configured for {target}")]
    KmsKind {
        /// What the backup has.
        backup: String,
        /// What the target has.
        target: &'static str,
    },
    /// The key that the target's OpenBao unseals with is not the one of the backup.
    #[error(
        "wrong seal key: the backup needs the seal key `{id}` with SHA-256 {expected}, this one has {found}"
    )]
    SealKey {
        /// Its id.
        id: String,
        /// Its hash, in hexadecimal.
        expected: String,
        /// The hash of the key that was given.
        found: String,
    },
    /// Nothing was said of the seal key that the backup needs.
    #[error(
        "the backup needs the seal key `{id}` with SHA-256 {expected}: show that the target has it by --seal-key FILE"
    )]
    SealKeyUnknown {
        /// Its id.
        id: String,
        /// Its hash, in hexadecimal.
        expected: String,
    },
    /// OpenBao refused or could not be asked.
    #[error("OpenBao: {0}")]
    OpenBao(String),
    /// OpenBao is back as it was backed up, and the secret ids of this host could not be made known to it.
    #[error(
        "OpenBao is restored and knows the operator's password of the backup's time, which the one that was given may not be: {0}. \
         Run the same again with that password; the database was not touched"
    )]
    NotAdmitted(RaftError),
    /// The keys are back and do not open what they must. The database was not touched.
    #[error("the restored keys do not open the backup's canary ({0}): the database was not touched")]
    Canary(KeyWrapError),
    /// The configuration lacks something.
    #[error("{0}")]
    Configuration(String),
    /// A restore asks first.
    #[error("nothing was done: say --yes, or answer yes on a terminal")]
    NotConfirmed,
    /// The database failed.
    #[error("{0}: check database.url and that Postgres runs")]
    Database(#[from] StoreFailure),
    /// The key service failed.
    #[error(transparent)]
    KeyService(#[from] KeyWrapError),
    /// The relay's parts could not be had.
    #[error(transparent)]
    App(#[from] Box<AppError>),
}

impl BackupError {
    /// Names the file of a failure of the system.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
