//! A store of wrapped data keys in memory.

use std::{collections::BTreeMap, sync::Mutex};

use futures_util::future::{BoxFuture, FutureExt, ready};
use sealpost_relay::{
    atrest::{DataKeyId, KeyScope, KeyStoreError, WrappedDataKey, WrappedKey, WrappedKeyStore},
    store_failure::StoreFailure,
};

#[derive(Default)]
pub struct MemoryStore {
    rows: Mutex<BTreeMap<DataKeyId, WrappedDataKey>>,
    is_broken: Mutex<bool>,
}

impl MemoryStore {
    pub fn rows(&self) -> Vec<WrappedDataKey> {
        self.rows.lock().unwrap().values().cloned().collect()
    }

    /// Writes a row as someone would who can write the database.
    pub fn plant(&self, row: WrappedDataKey) {
        let mut rows = self.rows.lock().unwrap();
        rows.retain(|_, other| other.scope != row.scope);
        rows.insert(row.id, row);
    }

    pub fn destroy(&self, scope: KeyScope) {
        self.rows.lock().unwrap().retain(|_, row| row.scope != scope);
    }

    pub fn set_broken(&self, is_broken: bool) {
        *self.is_broken.lock().unwrap() = is_broken;
    }

    pub fn row_of(&self, scope: KeyScope) -> WrappedDataKey {
        self.rows().into_iter().find(|row| row.scope == scope).unwrap()
    }

    fn answer<'a, T: Send + 'a>(
        &'a self,
        answer: impl FnOnce(&mut BTreeMap<DataKeyId, WrappedDataKey>) -> T,
    ) -> BoxFuture<'a, Result<T, KeyStoreError>> {
        let result = match *self.is_broken.lock().unwrap() {
            true => Err(StoreFailure::Unavailable("cut".into()).into()),
            false => Ok(answer(&mut self.rows.lock().unwrap())),
        };
        ready(result).boxed()
    }
}

impl WrappedKeyStore for MemoryStore {
    fn load<'a>(
        &'a self,
        scopes: &'a [KeyScope],
    ) -> BoxFuture<'a, Result<Vec<WrappedDataKey>, KeyStoreError>> {
        let scopes: std::collections::BTreeSet<_> = scopes.iter().copied().collect();
        self.answer(|rows| {
            rows.values()
                .filter(|row| scopes.contains(&row.scope))
                .cloned()
                .collect()
        })
    }

    fn insert_if_absent<'a>(
        &'a self,
        key: &'a WrappedDataKey,
    ) -> BoxFuture<'a, Result<WrappedDataKey, KeyStoreError>> {
        self.answer(|rows| {
            let present = rows.values().find(|row| row.scope == key.scope).cloned();
            present.unwrap_or_else(|| {
                rows.insert(key.id, key.clone());
                key.clone()
            })
        })
    }

    fn replace<'a>(
        &'a self,
        current: &'a WrappedDataKey,
        replacement: &'a WrappedKey,
    ) -> BoxFuture<'a, Result<bool, KeyStoreError>> {
        self.answer(|rows| match rows.get_mut(&current.id) {
            Some(row) if row == current => {
                row.wrapped = replacement.clone();
                true
            }
            _ => false,
        })
    }

    fn page(
        &self,
        after: Option<DataKeyId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<WrappedDataKey>, KeyStoreError>> {
        let limit = usize::try_from(limit).unwrap();
        self.answer(|rows| {
            let later = rows
                .values()
                .filter(|row| after.is_none_or(|after| row.id > after));
            later.take(limit).cloned().collect()
        })
    }

    fn count(&self) -> BoxFuture<'_, Result<u64, KeyStoreError>> {
        self.answer(|rows| rows.len() as u64)
    }
}
