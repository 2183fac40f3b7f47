//! The key wrapper that the configuration asks for.

use std::{path::Path, sync::Arc};

use zeroize::Zeroizing;

use super::AppError;
use crate::{
    atrest::{
        DataKeyError, KeyFile, KeyFileError, KeyWrapper, WrappedKeyStore,
        transit::{SecretSource, Transit, TransitCredential, TransitSettings},
    },
    config::{KmsConfig, KmsKind, OpenBaoConfig, Secret},
    entropy::Entropy,
};

/// Whether a key file may be made where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingKeyFile {
    /// Yes, for a database that holds no keys yet.
    Make,
    /// No: somebody only looks.
    Report,
}

/// The key wrapper. OpenBao is not asked yet: a relay starts and recovers by itself while that is sealed.
pub(super) async fn wrapper(
    config: &KmsConfig,
    store: &dyn WrappedKeyStore,
    entropy: Arc<dyn Entropy>,
    missing: MissingKeyFile,
) -> Result<Arc<dyn KeyWrapper>, AppError> {
    const CHECKED: &str = "a checked configuration has the section of its kind";
    match config.kind {
        KmsKind::File => {
            let path = &config.file.as_ref().expect(CHECKED).path;
            Ok(Arc::new(key_file(path, store, entropy, missing).await?))
        }
        KmsKind::OpenBao => transit(config.openbao.as_ref().expect(CHECKED), entropy),
    }
}

/// Opens the key file. One is made only where the database holds no keys: beside keys that are wrapped already it would
/// open none of them, and hide that the file that does is lost.
async fn key_file(
    path: &Path,
    store: &dyn WrappedKeyStore,
    entropy: Arc<dyn Entropy>,
    missing: MissingKeyFile,
) -> Result<KeyFile, AppError> {
    match KeyFile::open(path, entropy.clone()) {
        Err(KeyFileError::Absent) => {}
        opened => return Ok(opened?),
    }
    if !store.page(None, 1).await.map_err(DataKeyError::from)?.is_empty() {
        let path = path.to_owned();
        return Err(AppError::KeyFileLost { path });
    }
    match missing {
        // Another process may have made it meanwhile: then that one is it.
        MissingKeyFile::Make => Ok(KeyFile::open_or_create(path, entropy)?),
        MissingKeyFile::Report => Err(AppError::NoKeyFileYet),
    }
}

fn transit(config: &OpenBaoConfig, entropy: Arc<dyn Entropy>) -> Result<Arc<dyn KeyWrapper>, AppError> {
    let settings = TransitSettings {
        address: config.address.0.clone(),
        ca_file: config.ca_file.clone(),
        mount: config.mount.clone(),
        key_name: config.key_name.clone(),
        credential: credential(config),
        request_timeout: config.request_timeout,
    };
    Ok(Arc::new(Transit::new(settings, entropy)?))
}

fn credential(config: &OpenBaoConfig) -> TransitCredential {
    const CHECKED: &str = "a checked configuration has one kind of credential";
    if let Some(token_file) = &config.token_file {
        return TransitCredential::TokenFile(token_file.clone());
    }
    TransitCredential::AppRole {
        mount: config.approle_mount.clone(),
        role_id: config.role_id.clone().expect(CHECKED),
        secret_id: match config.secret_id().expect(CHECKED) {
            Secret::Text(text) => SecretSource::Value(Zeroizing::new(text.expose_secret().to_owned())),
            Secret::File(path) => SecretSource::File(path),
        },
    }
}
