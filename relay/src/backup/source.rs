//! What is backed up, looked at before anything is written.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{BackupError, heads::HeadsHasher, keys, manifest::DatabaseFacts};
use crate::{
    app::Parts,
    atrest::{KeyScope, transit::RaftSnapshots, version_in_openbao},
    config::{Config, KmsKind},
    directory::DirectoryError,
    store::DatabaseSnapshot,
};

/// What is backed up, as of one moment.
pub(super) struct Source {
    pub(super) snapshot: DatabaseSnapshot,
    pub(super) facts: DatabaseFacts,
    pub(super) key_versions: Vec<u32>,
    pub(super) table_bytes: u64,
    pub(super) opaque_fingerprint: String,
    pub(super) raft: Option<RaftSnapshots>,
}

impl Source {
    pub(super) async fn look(config: &Config, parts: &Parts) -> Result<Self, BackupError> {
        // A relay that has served nobody yet gets what every backup has: an OPAQUE setup, an incarnation, the key by which it knows
        // its receipts again.
        let directory = &parts.directory;
        let public_key = directory.opaque_public_key().await.map_err(app)?;
        directory.incarnation().await.map_err(app)?;
        let receipts = parts.keys.open_or_create(KeyScope::Receipt).await;
        receipts.map_err(|error| BackupError::App(Box::new(error.into())))?;
        // The key of checkpoints as well, if whoever backs up may draw it: a relay does that at its start, and one that has not signed yet
        // can be restored without.
        if let Err(error) = parts.keys.open_or_create(KeyScope::Checkpoint).await {
            tracing::debug!(%error, "the key of checkpoints is not there yet");
        }
        let raft = raft(config)?;
        let url = config.database.url().map_err(|error| {
            BackupError::Configuration(format!("database.url_file cannot be read: {error}"))
        })?;
        let mut snapshot = DatabaseSnapshot::open(url.expose_secret()).await?;
        let (facts, key_versions) = facts(&mut snapshot).await?;
        Ok(Self {
            table_bytes: snapshot.table_bytes().await?,
            snapshot,
            facts,
            key_versions,
            opaque_fingerprint: fingerprint(&public_key),
            raft,
        })
    }
}

/// What clients pin, as a hash.
pub(super) fn fingerprint(public_key: &[u8]) -> String {
    hex::encode(Sha256::digest(public_key))
}

fn app(error: DirectoryError) -> BackupError {
    BackupError::App(Box::new(error.into()))
}

fn raft(config: &Config) -> Result<Option<RaftSnapshots>, BackupError> {
    let Some(openbao) = config
        .kms
        .openbao
        .as_ref()
        .filter(|_| config.kms.kind == KmsKind::OpenBao)
    else {
        return Ok(None);
    };
    keys::snapshots(openbao, config.backup.openbao.as_ref()).map(Some)
}

async fn facts(snapshot: &mut DatabaseSnapshot) -> Result<(DatabaseFacts, Vec<u32>), BackupError> {
    let (mut data_keys, mut deployment, mut versions) = (0, None, BTreeSet::new());
    snapshot
        .data_keys(|key| {
            data_keys += 1;
            versions.extend(version_in_openbao(&key.wrapped));
            if key.scope == KeyScope::Directory {
                deployment = Some(key.id);
            }
        })
        .await?;
    let mut heads = HeadsHasher::default();
    snapshot
        .heads(|space, seq, root| heads.add(&space, seq, &root))
        .await?;
    let heads = heads.finish();
    let unused = || BackupError::Configuration("no relay has used this database yet".into());
    let facts = DatabaseFacts {
        schema_version: snapshot.schema_version().await?,
        deployment: hex::encode(deployment.ok_or_else(unused)?.as_bytes()),
        incarnation: hex::encode(snapshot.incarnation().await?.ok_or_else(unused)?.as_bytes()),
        data_keys,
        spaces: heads.spaces,
        heads_root: hex::encode(heads.root),
    };
    Ok((facts, versions.into_iter().collect()))
}
