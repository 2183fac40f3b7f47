//! Open data keys, bounded in number, least recently used first out. A key is wiped from memory when it has
//! left the cache and its last user has dropped it.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    sync::Arc,
};

use tokio::time::Instant;

use super::data_key::{KeyScope, OpenDataKey};

/// The cache. It knows ages but judges none.
pub(super) struct KeyCache {
    limit: NonZeroUsize,
    entries: HashMap<KeyScope, Entry>,
    by_use: BTreeMap<u64, KeyScope>,
    uses: u64,
}

struct Entry {
    key: Arc<OpenDataKey>,
    fresh_until: Instant,
    last_use: u64,
}

impl KeyCache {
    /// An empty cache for at most `limit` keys.
    pub(super) fn new(limit: NonZeroUsize) -> Self {
        Self {
            limit,
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
        }
    }

    /// The key of `scope` and until when it is fresh.
    pub(super) fn get(&mut self, scope: KeyScope) -> Option<(Arc<OpenDataKey>, Instant)> {
        let entry = self.entries.get_mut(&scope)?;
        self.by_use.remove(&entry.last_use);
        self.uses += 1;
        entry.last_use = self.uses;
        self.by_use.insert(self.uses, scope);
        Some((Arc::clone(&entry.key), entry.fresh_until))
    }

    /// Keeps `key`, fresh until `fresh_until`, in the place of any other of its scope.
    pub(super) fn insert(&mut self, key: Arc<OpenDataKey>, fresh_until: Instant) {
        let scope = key.scope();
        self.remove(scope);
        self.make_room();
        self.uses += 1;
        self.by_use.insert(self.uses, scope);
        self.entries.insert(
            scope,
            Entry {
                key,
                fresh_until,
                last_use: self.uses,
            },
        );
    }

    fn make_room(&mut self) {
        while self.entries.len() >= self.limit.get() {
            let Some((_, scope)) = self.by_use.pop_first() else {
                return;
            };
            self.entries.remove(&scope);
        }
    }

    /// Drops the key of `scope`.
    pub(super) fn remove(&mut self, scope: KeyScope) {
        if let Some(entry) = self.entries.remove(&scope) {
            self.by_use.remove(&entry.last_use);
        }
    }

    /// Drops the keys fresh until such times as `is_kept` denies.
    pub(super) fn retain(&mut self, is_kept: impl Fn(Instant) -> bool) {
        let by_use = &mut self.by_use;
        self.entries.retain(|_, entry| {
            let kept = is_kept(entry.fresh_until);
            if !kept {
                by_use.remove(&entry.last_use);
            }
            kept
        });
    }

    /// How many keys are held.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::atrest::data_key::{DataKey, DataKeyId};

    fn key(space: i64) -> Arc<OpenDataKey> {
        let key = DataKey::fill_with(|_| ());
        Arc::new(OpenDataKey::new(
            DataKeyId::from_bytes([0; 16]),
            KeyScope::Space(space),
            key,
        ))
    }

    fn cache_of(limit: usize, spaces: impl IntoIterator<Item = i64>) -> KeyCache {
        let mut cache = KeyCache::new(NonZeroUsize::new(limit).unwrap());
        for space in spaces {
            cache.insert(key(space), Instant::now());
        }
        cache
    }

    #[test]
    fn the_least_recently_used_key_leaves_first() {
        let mut cache = cache_of(2, [1, 2]);
        assert!(cache.get(KeyScope::Space(1)).is_some());
        cache.insert(key(3), Instant::now());
        assert!(cache.get(KeyScope::Space(2)).is_none());
        assert!(cache.get(KeyScope::Space(1)).is_some());
        assert!(cache.get(KeyScope::Space(3)).is_some());
    }

    #[test]
    fn the_number_of_keys_stays_bounded() {
        let cache = cache_of(10, 0..1_000);
        assert_eq!((cache.len(), cache.by_use.len()), (10, 10));
    }

    #[test]
    fn a_key_inserted_again_takes_one_place() {
        let cache = cache_of(10, [1, 1, 1]);
        assert_eq!((cache.len(), cache.by_use.len()), (1, 1));
    }

    #[test]
    fn a_key_that_left_the_cache_is_wiped_with_its_last_user() {
        let mut cache = cache_of(10, [1]);
        let (held, _) = cache.get(KeyScope::Space(1)).unwrap();
        cache.remove(KeyScope::Space(1));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn keys_are_dropped_by_freshness() {
        let start = Instant::now();
        let mut cache = cache_of(10, []);
        for second in 0..5 {
            let fresh_until = start + Duration::from_secs(second);
            cache.insert(key(i64::try_from(second).unwrap()), fresh_until);
        }
        cache.retain(|fresh_until| fresh_until >= start + Duration::from_secs(3));
        assert_eq!((cache.len(), cache.by_use.len()), (2, 2));
    }
}
