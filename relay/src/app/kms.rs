//! The key wrapper that the configuration asks for.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::AppError;
use crate::{
    atrest::{
        KeyFile, KeyWrapper,
        transit::{SecretSource, Transit, TransitCredential, TransitSettings},
    },
    config::{KeyFileConfig, KmsConfig, KmsKind, OpenBaoConfig, Secret},
    entropy::Entropy,
};

/// The key wrapper. OpenBao is not asked yet: a relay starts and recovers by itself while that is sealed.
pub(super) fn wrapper(
    config: &KmsConfig,
    entropy: Arc<dyn Entropy>,
) -> Result<Arc<dyn KeyWrapper>, AppError> {
    const CHECKED: &str = "a checked configuration has the section of its kind";
    match config.kind {
        KmsKind::File => key_file(config.file.as_ref().expect(CHECKED), entropy),
        KmsKind::OpenBao => transit(config.openbao.as_ref().expect(CHECKED), entropy),
    }
}

fn key_file(config: &KeyFileConfig, entropy: Arc<dyn Entropy>) -> Result<Arc<dyn KeyWrapper>, AppError> {
    Ok(Arc::new(KeyFile::open_or_create(&config.path, entropy)?))
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
