//! A deployment, a folder of backups, and a target to restore into.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use sealpost_relay::{
    backup::{
        self, BackupError, CreateOptions, Created, Identities, Identity, OperatorAccess, Programs, Restore,
        RestoreOptions, Restored, Silent, Verified,
    },
    clock::SystemClock,
    config::Config,
};
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};
use tempfile::TempDir;

use crate::people::open_to_all;

/// Backups and what opens them.
pub struct Vault {
    folder: TempDir,
    pub identity_file: PathBuf,
    pub recipient: String,
}

impl Vault {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::generate();
        let identity_file = folder.path().join("identity");
        fs::write(&identity_file, identity.expose_file().as_bytes()).unwrap();
        fs::create_dir(folder.path().join("backups")).unwrap();
        Self {
            folder,
            identity_file,
            recipient: identity.recipient(),
        }
    }

    pub fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// Another folder beside that of the backups.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn identities(&self) -> Identities {
        Identities::read(&self.identity_file).unwrap()
    }

    pub async fn create(&self, config: &Config, relay: &Relay) -> Created {
        self.try_create(config, relay).await.unwrap()
    }

    pub async fn try_create(&self, config: &Config, relay: &Relay) -> Result<Created, BackupError> {
        let options = CreateOptions {
            folder: self.backups(),
            first: true,
            recipients: vec![self.recipient.parse().unwrap()],
            attached: Vec::new(),
            configuration: "environment = \"development\"\n".into(),
            programs: Programs::locate(None),
        };
        Box::pin(backup::create(config, relay.parts(), options, Arc::new(Silent))).await
    }

    pub async fn verify(&self, backup: &Path) -> Result<Verified, BackupError> {
        let programs = Programs::locate(None);
        let looked = backup::verify(
            backup,
            self.identities(),
            programs,
            &SystemClock,
            Arc::new(Silent),
        );
        Box::pin(looked).await
    }
}

/// An empty database and a place for a key file.
pub struct Target {
    pub database: Database,
    pub options: RelayOptions,
    pub operator: Option<OperatorAccess>,
    pub seal_key_file: Option<PathBuf>,
}

impl Target {
    pub async fn new() -> Self {
        Self::on(Database::empty().await)
    }

    pub fn on(database: Database) -> Self {
        // Nobody has to wait for healers.
        let options = open_to_all(RelayOptions::on(&database)).with("SEALPOST__LOG__RECOVERING_SECONDS", "0");
        Self {
            database,
            options,
            operator: None,
            seal_key_file: None,
        }
    }

    /// Looks at everything that stands against a restore.
    pub async fn prepare(&self, backup: &Path, identities: Identities) -> Result<Restore, BackupError> {
        let options = RestoreOptions {
            backup: backup.to_owned(),
            programs: Programs::locate(None),
            operator: self.operator.clone(),
            seal_key_file: self.seal_key_file.clone(),
        };
        let progress: Arc<dyn backup::Progress> = Arc::new(Silent);
        let config = self.options.config();
        Box::pin(Restore::prepare(&config, options, identities, &progress)).await
    }

    pub async fn restore(&self, backup: &Path, identities: Identities) -> Result<Restored, BackupError> {
        let restore = self.prepare(backup, identities).await?;
        let progress: Arc<dyn backup::Progress> = Arc::new(Silent);
        Box::pin(restore.run(&self.options.config(), &progress)).await
    }

    pub fn key_file(&self) -> PathBuf {
        self.options.config().kms.file.unwrap().path
    }

    pub fn dump(&self) -> String {
        let dump = String::from_utf8(self.database.dump()).unwrap();
        // Newer versions of pg_dump guard their output with a random word.
        let plain = dump.lines().filter(|line| !line.contains("restrict "));
        plain.map(|line| format!("{line}\n")).collect()
    }
}

/// A relay with a configuration that others may use beside it.
pub async fn relay() -> (Relay, Config) {
    let options = open_to_all(RelayOptions::on(&Database::create().await));
    let config = options.config();
    (Box::pin(Relay::start(options)).await, config)
}

/// A copy of a backup, to be spoiled.
pub fn copy(backup: &Path, to: &Path) -> PathBuf {
    let copy = to.join(backup.file_name().unwrap());
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(backup).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    copy
}
