//! What every store of wrapped data keys does: the one in Postgres, and the one in memory that tests use.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::join_all;
use sealpost_relay::{
    atrest::{DataKeyId, KeyScope, WrappedDataKey, WrappedKey, WrappedKeyStore},
    embedded::{Postgres, PostgresOptions, Tools},
    store::{IgnoreTransactions, Store, StoreOptions},
};

use crate::support::{MemoryStore, entropy};

const ALL_KINDS: [KeyScope; 4] = [
    KeyScope::Directory,
    KeyScope::Index,
    KeyScope::Receipt,
    KeyScope::Space(7),
];

#[tokio::test]
async fn the_store_in_memory_keeps_the_contract() {
    check(&MemoryStore::default()).await;
}

#[tokio::test]
async fn the_store_in_postgres_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let options = PostgresOptions {
        durable: false,
        ..PostgresOptions::default()
    };
    let postgres = Postgres::start(&Tools::locate(), folder.path(), &options)
        .await
        .unwrap();
    sealpost_migrations::run(&postgres.url()).await.unwrap();
    let options = StoreOptions {
        database_url: postgres.url(),
        max_connections: 8,
        acquire_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(10),
    };
    let store = Store::connect(&options, Arc::new(IgnoreTransactions))
        .await
        .unwrap();
    check(&store).await;
    store.close().await;
    postgres.stop().await.unwrap();
}

async fn check(store: &dyn WrappedKeyStore) {
    an_empty_store_has_nothing(store).await;
    what_is_inserted_is_loaded(store).await;
    the_first_key_of_a_scope_stays(store).await;
    writers_at_once_agree_on_one_key(store).await;
    a_key_is_replaced_only_if_it_is_still_the_same(store).await;
    pages_hold_every_key_once(store).await;
}

fn new_key(scope: KeyScope, wrapped: &[u8]) -> WrappedDataKey {
    WrappedDataKey {
        id: DataKeyId::generate(&*entropy()),
        scope,
        wrapped: WrappedKey::from_bytes(wrapped.to_vec()),
    }
}

async fn load(store: &dyn WrappedKeyStore, scope: KeyScope) -> Option<WrappedDataKey> {
    let mut loaded = store.load(&[scope]).await.unwrap();
    assert!(loaded.len() <= 1);
    loaded.pop()
}

async fn an_empty_store_has_nothing(store: &dyn WrappedKeyStore) {
    assert_eq!(store.count().await.unwrap(), 0);
    assert!(store.load(&ALL_KINDS).await.unwrap().is_empty());
    assert!(store.page(None, 10).await.unwrap().is_empty());
}

async fn what_is_inserted_is_loaded(store: &dyn WrappedKeyStore) {
    for scope in ALL_KINDS {
        let key = new_key(scope, b"first");
        assert_eq!(store.insert_if_absent(&key).await.unwrap(), key);
        assert_eq!(load(store, scope).await, Some(key));
    }
    assert_eq!(load(store, KeyScope::Space(8)).await, None);
    let twice = [ALL_KINDS, ALL_KINDS].concat();
    assert_eq!(store.load(&twice).await.unwrap().len(), ALL_KINDS.len());
    assert!(store.load(&[]).await.unwrap().is_empty());
}

async fn the_first_key_of_a_scope_stays(store: &dyn WrappedKeyStore) {
    for scope in ALL_KINDS {
        let first = load(store, scope).await.unwrap();
        let second = new_key(scope, b"second");
        assert_eq!(store.insert_if_absent(&second).await.unwrap(), first);
    }
}

async fn writers_at_once_agree_on_one_key(store: &dyn WrappedKeyStore) {
    let keys: Vec<_> = (0..8).map(|_| new_key(KeyScope::Space(99), b"mine")).collect();
    let stored = join_all(keys.iter().map(|key| store.insert_if_absent(key))).await;
    let ids: BTreeSet<_> = stored.into_iter().map(|stored| stored.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
}

async fn a_key_is_replaced_only_if_it_is_still_the_same(store: &dyn WrappedKeyStore) {
    let key = load(store, KeyScope::Directory).await.unwrap();
    let (second, third) = (
        WrappedKey::from_bytes(b"2".to_vec()),
        WrappedKey::from_bytes(b"3".to_vec()),
    );
    assert!(store.replace(&key, &second).await.unwrap());
    assert!(!store.replace(&key, &third).await.unwrap());
    assert_eq!(load(store, KeyScope::Directory).await.unwrap().wrapped, second);
    let unknown = new_key(KeyScope::Space(12), b"2");
    assert!(!store.replace(&unknown, &third).await.unwrap());
}

async fn pages_hold_every_key_once(store: &dyn WrappedKeyStore) {
    for number in 1_000..1_010 {
        store
            .insert_if_absent(&new_key(KeyScope::Space(number), b"page"))
            .await
            .unwrap();
    }
    let mut seen: Vec<DataKeyId> = Vec::new();
    loop {
        let page = store.page(seen.last().copied(), 4).await.unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|key| key.id));
    }
    assert!(seen.is_sorted());
    assert_eq!(seen.len() as u64, store.count().await.unwrap());
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
}
