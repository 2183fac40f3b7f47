//! The keys of a backup: the key file itself, or a snapshot of OpenBao's storage.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use zeroize::Zeroizing;

use super::BackupError;
use crate::{
    atrest::{
        KeyFile, KeyFileError,
        transit::{RaftCredential, RaftError, RaftSnapshots, RoleSecret, SecretSource, TransitCredential},
    },
    config::{BackupOpenBaoConfig, Config, KmsKind, OpenBaoConfig, Secret},
    entropy::{Entropy, SystemEntropy},
};

/// A gzip archive, as OpenBao's snapshots are.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What is longer is no snapshot of keys.
const MAX_BYTES: u64 = 256 << 20;

/// The operator's name in OpenBao.
const OPERATOR: &str = "operator";

/// What an operator of OpenBao shows who puts a snapshot back.
#[derive(Clone, Debug)]
pub enum OperatorAccess {
    /// A token. It is gone with the storage that the snapshot replaces.
    TokenFile(PathBuf),
    /// The password, which has to be the same before and after. With it this host's secret ids are let in, too.
    PasswordFile(PathBuf),
}

/// What opens the data keys of a database.
pub enum KeySnapshot {
    /// The key itself.
    File(KeyFile),
    /// OpenBao's storage, which its seal key opens.
    OpenBao(Zeroizing<Vec<u8>>),
}

impl KeySnapshot {
    /// Takes the key file. Blocks.
    pub(super) fn of_file(path: &Path) -> Result<Self, BackupError> {
        let key = KeyFile::open(path, entropy());
        key.map(Self::File).map_err(key_file)
    }

    /// Takes OpenBao's storage.
    pub(super) async fn of_openbao(snapshots: &RaftSnapshots) -> Result<Self, BackupError> {
        snapshots.take().await.map(Self::OpenBao).map_err(openbao)
    }

    /// As `kms.kind` of the configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => kind_name(KmsKind::File),
            Self::OpenBao(_) => kind_name(KmsKind::OpenBao),
        }
    }

    /// What is encrypted into the backup.
    pub(super) fn expose_content(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::File(key) => Zeroizing::new(key.expose_content().as_bytes().to_vec()),
            Self::OpenBao(snapshot) => snapshot.clone(),
        }
    }

    /// Reads what [`Self::expose_content`] gave.
    pub(super) fn read(kind: &str, content: impl Read) -> Result<Self, BackupError> {
        let mut bytes = Zeroizing::new(Vec::new());
        let changed = |why| BackupError::FileChanged {
            name: "keys.age".into(),
            why,
        };
        let read = content.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|_| changed("it does not decrypt"))?;
        if kind == kind_name(KmsKind::File) {
            let key = KeyFile::from_content(&bytes, entropy());
            return key.map(Self::File).map_err(|_| changed("it holds no key file"));
        }
        if kind != kind_name(KmsKind::OpenBao) {
            return Err(BackupError::ManifestMalformed(
                "it names an unknown kind of key service".into(),
            ));
        }
        match bytes.starts_with(&GZIP) && bytes.len() as u64 <= MAX_BYTES {
            true => Ok(Self::OpenBao(bytes)),
            false => Err(changed("it holds no snapshot of OpenBao")),
        }
    }
}

/// As `kms.kind` of the configuration writes it.
pub(super) fn kind_name(kind: KmsKind) -> &'static str {
    match kind {
        KmsKind::File => "file",
        KmsKind::OpenBao => "openbao",
    }
}

/// A key file that was put in its place, and is taken away again with this, unless it is wanted.
pub(super) struct PlacedKeyFile(Option<PathBuf>);

impl PlacedKeyFile {
    /// What needs none.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// The database that it opens is there.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for PlacedKeyFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(%error, "the key file of a restore that was not finished stays: remove {}", path.display());
        }
    }
}

/// Puts the key file in its place, unless the same key is there already. Blocks.
pub(super) fn restore_file(key: &KeyFile, path: &Path) -> Result<PlacedKeyFile, BackupError> {
    match key.save(path) {
        Err(KeyFileError::Exists) => demand_same(key, path).map(|()| PlacedKeyFile::none()),
        saved => saved
            .map(|()| PlacedKeyFile(Some(path.to_owned())))
            .map_err(key_file),
    }
}

/// Refuses another key file where this one would go. Blocks.
pub(super) fn demand_same(key: &KeyFile, path: &Path) -> Result<(), BackupError> {
    match KeyFile::open(path, entropy()) {
        Err(KeyFileError::Absent) => Ok(()),
        Ok(found) if found.name() == key.name() => Ok(()),
        Ok(_) | Err(KeyFileError::Damaged) => Err(BackupError::KeyFileInTheWay(path.to_owned())),
        Err(error) => Err(key_file(error)),
    }
}

/// The snapshots of the configured OpenBao, by the credential of the backup job.
pub(super) fn snapshots(
    openbao_config: &OpenBaoConfig,
    job: Option<&BackupOpenBaoConfig>,
) -> Result<RaftSnapshots, BackupError> {
    let job = job.ok_or_else(|| {
        BackupError::Configuration(
            "backup.openbao is missing: the relay's own credential cannot take a snapshot of OpenBao, the backup role's can".into(),
        )
    })?;
    let credential = match (&job.token_file, &job.role_id, job.secret_id()) {
        (Some(file), ..) => TransitCredential::TokenFile(file.clone()),
        (None, Some(role_id), Some(secret)) => TransitCredential::AppRole {
            mount: openbao_config.approle_mount.clone(),
            role_id: role_id.clone(),
            secret_id: source(secret),
        },
        _ => unreachable!("a checked configuration has one kind of credential"),
    };
    with_credential(openbao_config, RaftCredential::Machine(credential))
}

/// The same by an operator, who alone may put one back.
pub(super) fn snapshots_of_operator(
    openbao_config: &OpenBaoConfig,
    operator: &OperatorAccess,
) -> Result<RaftSnapshots, BackupError> {
    let credential = match operator {
        OperatorAccess::TokenFile(file) => {
            RaftCredential::Machine(TransitCredential::TokenFile(file.clone()))
        }
        OperatorAccess::PasswordFile(file) => RaftCredential::Password {
            user: OPERATOR,
            password: SecretSource::File(file.clone()),
        },
    };
    with_credential(openbao_config, credential)
}

/// The roles of relay and backup job, with the secret ids that this host has for them.
pub(super) fn roles(config: &Config) -> Vec<RoleSecret> {
    let Some(openbao) = &config.kms.openbao else {
        return Vec::new();
    };
    let job = config.backup.openbao.as_ref();
    let relay = openbao.role_id.as_ref().zip(openbao.secret_id());
    let job = job.and_then(|job| job.role_id.as_ref().zip(job.secret_id()));
    let roles = relay.into_iter().chain(job);
    roles
        .map(|(role, secret_id)| RoleSecret {
            mount: openbao.approle_mount.clone(),
            role: role.clone(),
            secret_id: source(secret_id),
        })
        .collect()
}

fn with_credential(config: &OpenBaoConfig, credential: RaftCredential) -> Result<RaftSnapshots, BackupError> {
    RaftSnapshots::new(&config.address.0, config.ca_file.as_ref(), credential).map_err(openbao)
}

fn source(secret: Secret) -> SecretSource {
    match secret {
        Secret::Text(text) => SecretSource::Value(Zeroizing::new(text.expose_secret().to_owned())),
        Secret::File(path) => SecretSource::File(path),
    }
}

pub(super) fn openbao(error: RaftError) -> BackupError {
    BackupError::OpenBao(error.to_string())
}

fn key_file(error: KeyFileError) -> BackupError {
    BackupError::Configuration(format!("kms.file.path: {error}"))
}

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}
