//! Puts a backup into an empty target: keys, a canary, the database, a new incarnation.
//!
//! Everything that can be found out without changing the target is found out first.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::{
    BackupError,
    address::DatabaseAddress,
    blocking,
    envelope::Identities,
    keys::{self, KeySnapshot, OperatorAccess, PlacedKeyFile, kind_name},
    manifest::Manifest,
    programs::Programs,
    progress::{Progress, Step},
    scan::DumpFacts,
    source::fingerprint,
    whole::Backup,
};
use crate::{
    app::{self, Parts, Settled},
    atrest::{KeyWrapError, KeyWrapper, open_every_key},
    config::Config,
};

/// How long restored keys may take until they can be used.
const USABLE_LIMIT: Duration = Duration::from_secs(60);
/// Between two trials.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// How a backup is to be restored.
pub struct RestoreOptions {
    /// The backup.
    pub backup: PathBuf,
    /// The programs of Postgres.
    pub programs: Programs,
    /// An operator who may put a snapshot of OpenBao back.
    pub operator: Option<OperatorAccess>,
    /// The seal key of the target's OpenBao, to be compared with the one that the backup needs.
    pub seal_key_file: Option<PathBuf>,
}

/// What was restored.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// The backup.
    pub id: String,
    /// Spaces that are back.
    pub spaces: u64,
    /// The life of the database that was backed up.
    pub old_incarnation: String,
    /// The one that has begun.
    pub new_incarnation: String,
    /// Spaces that were deleted after the backup, and were deleted again.
    pub shredded_again: u64,
}

/// A restore that was looked into: nothing is known that stands against it, and nothing was changed.
pub struct Restore {
    backup: Backup,
    keys: KeySnapshot,
    facts: DumpFacts,
    options: RestoreOptions,
}

impl Restore {
    /// Looks at backup and target. Changes nothing.
    ///
    /// # Errors
    /// [`BackupError`], by the name of what stands against it.
    pub async fn prepare(
        config: &Config,
        options: RestoreOptions,
        identities: Identities,
        progress: &Arc<dyn Progress>,
    ) -> Result<Self, BackupError> {
        progress.step(Step::Hashes);
        let (path, told) = (options.backup.clone(), progress.clone());
        let backup = blocking(move || {
            let backup = Backup::open(&path, identities)?;
            backup.check_files(&*told)?;
            Ok(backup)
        })
        .await?;
        progress.step(Step::OpenKeys);
        let keys = backup.keys().await?;
        progress.step(Step::Target);
        demand_target(config, backup.manifest(), &keys, &options).await?;
        progress.step(Step::ReadDump);
        let (programs, told) = (options.programs.clone(), progress.clone());
        let (backup, facts) = blocking(move || {
            let facts = backup.read_dump(&programs, &*told)?;
            Ok((backup, facts))
        })
        .await?;
        backup.check_pair(&keys, &facts).await?;
        Ok(Self {
            backup,
            keys,
            facts,
            options,
        })
    }

    /// What the backup says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.backup.manifest()
    }

    /// Does it.
    ///
    /// # Errors
    /// [`BackupError`]. Up to the database nothing but the key service has changed; the database comes whole or not at all.
    pub async fn run(self, config: &Config, progress: &Arc<dyn Progress>) -> Result<Restored, BackupError> {
        progress.step(Step::RestoreKeys);
        let placed = self.restore_keys(config).await?;
        let parts = Parts::examine(config).await.map_err(Box::new)?;
        self.try_canary(&parts).await?;
        parts.store.close().await;

        progress.step(Step::RestoreDatabase);
        let manifest = self.backup.manifest().clone();
        self.restore_database(config, progress.clone()).await?;
        placed.keep();

        progress.step(Step::Settle);
        let settled = app::settle_restored(config).await.map_err(Box::new)?;
        demand_same_setup(&manifest, &settled)?;
        Ok(Restored {
            id: manifest.id,
            spaces: manifest.database.spaces,
            old_incarnation: manifest.database.incarnation,
            new_incarnation: hex::encode(settled.incarnation.as_bytes()),
            shredded_again: settled.shredded,
        })
    }

    async fn restore_keys(&self, config: &Config) -> Result<PlacedKeyFile, BackupError> {
        match &self.keys {
            KeySnapshot::File(key) => keys::restore_file(key, key_file_path(config)),
            KeySnapshot::OpenBao(snapshot) => {
                let (Some(openbao), Some(operator)) = (&config.kms.openbao, &self.options.operator) else {
                    return Err(no_operator());
                };
                let snapshots = keys::snapshots_of_operator(openbao, operator)?;
                snapshots.restore(snapshot).await.map_err(keys::openbao)?;
                if let OperatorAccess::PasswordFile(_) = operator {
                    let admitted = snapshots.admit(&keys::roles(config)).await;
                    admitted.map_err(BackupError::NotAdmitted)?;
                }
                Ok(PlacedKeyFile::none())
            }
        }
    }

    /// By the relay's own credential, as the relay will.
    async fn try_canary(&self, parts: &Parts) -> Result<(), BackupError> {
        until_usable(&*parts.wrapper).await?;
        self.backup
            .seal()
            .confirm(&self.backup.manifest().id, &*parts.wrapper)
            .await?;
        match open_every_key(&*parts.wrapper, &self.facts.data_keys).await {
            Err(error @ KeyWrapError::Corrupt(_)) => Err(BackupError::Canary(error)),
            tried => Ok(tried?),
        }
    }

    async fn restore_database(self, config: &Config, progress: Arc<dyn Progress>) -> Result<(), BackupError> {
        let url = config
            .database
            .url()
            .map_err(BackupError::file("read", "database.url_file"))?;
        let address = DatabaseAddress::of(url.expose_secret());
        blocking(move || {
            let mut dump = self.backup.dump(&*progress)?;
            self.options.programs.restore(&address, &mut dump)
        })
        .await
    }
}

/// OpenBao says that it serves before it has loaded what was restored.
async fn until_usable(wrapper: &dyn KeyWrapper) -> Result<(), BackupError> {
    let end = Instant::now() + USABLE_LIMIT;
    loop {
        match wrapper.canary().await {
            Err(error) if error.is_outage() && Instant::now() < end => sleep(TRY_AGAIN).await,
            tried => return Ok(tried?),
        }
    }
}

async fn demand_target(
    config: &Config,
    manifest: &Manifest,
    keys: &KeySnapshot,
    options: &RestoreOptions,
) -> Result<(), BackupError> {
    let (found, known) = (
        manifest.database.schema_version,
        sealpost_migrations::latest_version(),
    );
    if found > known {
        return Err(BackupError::SchemaNewer { found, known });
    }
    let target = kind_name(config.kms.kind);
    if keys.kind() != target {
        return Err(BackupError::KmsKind {
            backup: keys.kind().to_owned(),
            target,
        });
    }
    match keys {
        KeySnapshot::File(key) => keys::demand_same(key, key_file_path(config))?,
        KeySnapshot::OpenBao(_) => {
            demand_seal_key(manifest, options.seal_key_file.as_deref())?;
            options.operator.as_ref().ok_or_else(no_operator)?;
        }
    }
    match app::count_relations(config).await.map_err(Box::new)? {
        0 => Ok(()),
        tables => Err(BackupError::DatabaseNotEmpty { tables }),
    }
}

fn demand_seal_key(manifest: &Manifest, file: Option<&Path>) -> Result<(), BackupError> {
    let Some(needed) = &manifest.kms.seal_key else {
        return Ok(());
    };
    let (id, expected) = (needed.id.clone(), needed.sha256.clone());
    let Some(file) = file else {
        return Err(BackupError::SealKeyUnknown { id, expected });
    };
    let key = Zeroizing::new(fs::read(file).map_err(BackupError::file("read", file))?);
    let found = hex::encode(Sha256::digest(&*key));
    match found == expected {
        true => Ok(()),
        false => Err(BackupError::SealKey { id, expected, found }),
    }
}

fn demand_same_setup(manifest: &Manifest, settled: &Settled) -> Result<(), BackupError> {
    match fingerprint(&settled.opaque_public_key) == manifest.opaque_fingerprint {
        true => Ok(()),
        false => Err(BackupError::Pairing(
            "the restored OPAQUE setup is not the one that the manifest names".into(),
        )),
    }
}

fn key_file_path(config: &Config) -> &Path {
    let file = config.kms.file.as_ref();
    &file.expect("the target was found to have a key file").path
}

fn no_operator() -> BackupError {
    BackupError::Configuration(
        "a snapshot of OpenBao is put back by an operator: give the password by --openbao-password-file FILE, or a token by --openbao-token-file FILE".into(),
    )
}
