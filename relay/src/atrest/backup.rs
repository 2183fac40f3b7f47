//! What a backup asks of the keys: a key of its own under the key service, and whether the pair fits.

use super::{
    associated_data::length_prefixed,
    data_key::DataKey,
    key_wrapper::{KeyToUnwrap, KeyToWrap, KeyWrapError, KeyWrapper, WrappedKey},
    transit,
    wrapped_key_store::WrappedDataKey,
};

/// Data keys that are tried at once.
const BATCH: usize = 150;

/// Wraps the key that authenticates the manifest of one backup.
///
/// # Errors
/// When the key service fails.
pub async fn wrap_manifest_key(
    wrapper: &dyn KeyWrapper,
    backup: &str,
    key: &DataKey,
) -> Result<WrappedKey, KeyWrapError> {
    let items = [KeyToWrap {
        associated_data: bound_to(backup),
        key,
    }];
    let wrapped = wrapper.wrap_batch(&items).await?.pop();
    wrapped.ok_or_else(no_answer)
}

/// Opens what [`wrap_manifest_key`] gave.
///
/// # Errors
/// [`KeyWrapError::Corrupt`] where it was wrapped for another backup, or by others.
pub async fn unwrap_manifest_key(
    wrapper: &dyn KeyWrapper,
    backup: &str,
    wrapped: &WrappedKey,
) -> Result<DataKey, KeyWrapError> {
    let items = [KeyToUnwrap {
        associated_data: bound_to(backup),
        wrapped,
    }];
    let opened = wrapper.unwrap_batch(&items).await?.pop();
    opened.ok_or_else(no_answer)?
}

/// Tries every data key; the first that does not open is the error.
///
/// # Errors
/// [`KeyWrapError::Corrupt`] where database and key service are no pair; else how the key service failed.
pub async fn open_every_key(wrapper: &dyn KeyWrapper, keys: &[WrappedDataKey]) -> Result<(), KeyWrapError> {
    for batch in keys.chunks(BATCH) {
        let items: Vec<_> = batch.iter().map(WrappedDataKey::to_unwrap).collect();
        let answers = wrapper.unwrap_batch(&items).await?;
        if answers.len() != items.len() {
            return Err(no_answer());
        }
        for answer in answers {
            answer?;
        }
    }
    Ok(())
}

/// The version of OpenBao's key that a data key is under; `None` where it was not wrapped by OpenBao.
#[must_use]
pub fn version_in_openbao(wrapped: &WrappedKey) -> Option<u32> {
    transit::version_of(wrapped)
}

fn bound_to(backup: &str) -> Vec<u8> {
    length_prefixed(&[b"sealpost/v1/backup-manifest", backup.as_bytes()])
}

fn no_answer() -> KeyWrapError {
    KeyWrapError::Internal("not one answer per question".into())
}
