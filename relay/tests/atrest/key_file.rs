//! The key file as key wrapper.

use sealpost_relay::atrest::{DataKey, KeyFile, KeyToUnwrap, KeyToWrap, KeyWrapError, KeyWrapper};

use crate::{
    conformance,
    support::{entropy, key_file},
};

#[tokio::test]
async fn the_key_file_passes_the_conformance_suite() {
    conformance::check(&key_file()).await;
}

#[tokio::test]
async fn a_key_wrapped_before_a_restart_opens_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kms.key");
    let key = DataKey::generate(&*entropy());
    let first = KeyFile::open_or_create(&path, entropy()).unwrap();
    let items = [KeyToWrap {
        associated_data: b"place".to_vec(),
        key: &key,
    }];
    let wrapped = first.wrap_batch(&items).await.unwrap().remove(0);

    let second = KeyFile::open_or_create(&path, entropy()).unwrap();
    let items = [KeyToUnwrap {
        associated_data: b"place".to_vec(),
        wrapped: &wrapped,
    }];
    let opened = second.unwrap_batch(&items).await.unwrap().remove(0).unwrap();
    assert_eq!(opened.expose_bytes(), key.expose_bytes());
    assert_eq!(first.describe(), second.describe());
}

#[tokio::test]
async fn another_key_file_is_named_as_the_reason() {
    let key = DataKey::generate(&*entropy());
    let items = [KeyToWrap {
        associated_data: Vec::new(),
        key: &key,
    }];
    let wrapped = key_file().wrap_batch(&items).await.unwrap().remove(0);
    let items = [KeyToUnwrap {
        associated_data: Vec::new(),
        wrapped: &wrapped,
    }];
    let refused = key_file().unwrap_batch(&items).await.unwrap().remove(0).err();
    assert_eq!(
        refused,
        Some(KeyWrapError::Corrupt("wrapped under another key file".into()))
    );
}
