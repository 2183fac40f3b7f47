//! The port to where wrapped data keys are stored.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{
    data_key::{DataKeyId, KeyScope},
    key_wrapper::{KeyToUnwrap, WrappedKey},
};
use crate::store_failure::StoreFailure;

/// A data key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedDataKey {
    /// The public name of the key.
    pub id: DataKeyId,
    /// What the key is for.
    pub scope: KeyScope,
    /// The key, wrapped with scope and id as associated data.
    pub wrapped: WrappedKey,
}

impl WrappedDataKey {
    /// The question to put to a [`KeyWrapper`](super::KeyWrapper) to open this key.
    pub(super) fn to_unwrap(&self) -> KeyToUnwrap<'_> {
        KeyToUnwrap {
            associated_data: self.scope.associated_data(self.id),
            wrapped: &self.wrapped,
        }
    }
}

/// Where wrapped data keys are stored: at most one per scope.
pub trait WrappedKeyStore: Send + Sync {
    /// The keys of these scopes, in any order; scopes without a key are left out.
    fn load<'a>(
        &'a self,
        scopes: &'a [KeyScope],
    ) -> BoxFuture<'a, Result<Vec<WrappedDataKey>, KeyStoreError>>;

    /// Stores `key` unless its scope has one already, and answers with the key that is stored now.
    fn insert_if_absent<'a>(
        &'a self,
        key: &'a WrappedDataKey,
    ) -> BoxFuture<'a, Result<WrappedDataKey, KeyStoreError>>;

    /// Puts `replacement` in the place of `current.wrapped`; `false`, and nothing done, if the stored key is
    /// no longer `current`.
    fn replace<'a>(
        &'a self,
        current: &'a WrappedDataKey,
        replacement: &'a WrappedKey,
    ) -> BoxFuture<'a, Result<bool, KeyStoreError>>;

    /// Up to `limit` keys with ids above `after`, in the order of their ids.
    fn page(
        &self,
        after: Option<DataKeyId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<WrappedDataKey>, KeyStoreError>>;

    /// How many keys are stored.
    fn count(&self) -> BoxFuture<'_, Result<u64, KeyStoreError>>;
}

/// The store failed. It is shared between all who waited for the same key.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct KeyStoreError(Arc<StoreFailure>);

impl KeyStoreError {
    /// How the store failed.
    pub fn failure(&self) -> &StoreFailure {
        &self.0
    }
}

impl From<StoreFailure> for KeyStoreError {
    fn from(failure: StoreFailure) -> Self {
        Self(Arc::new(failure))
    }
}
