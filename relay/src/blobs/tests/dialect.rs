use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::lists::answering;
use super::shelf::{settings, start_objects};
use crate::blobs::ports::StorageError;
use crate::blobs::s3::{Dialect, PartBinding, PublicSide, S3Settings, S3Storage};
use crate::clock::SystemClock;

fn storage(settings: S3Settings, origin: Option<&str>) -> S3Storage {
    let origin = origin.map(str::to_owned);
    S3Storage::new(settings, Duration::from_secs(300), origin, Arc::new(SystemClock)).unwrap()
}

/// What this server cannot do is listed here and shown by `doctor`.
#[tokio::test]
async fn the_embedded_store_is_tried_and_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let objects = start_objects(&folder).await;
    let storage = storage(settings(&objects), Some("https://app.example.org"));
    let expected = Dialect {
        binding: Some(PartBinding::PayloadHash),
        lists_uploads: false,
        answers_web: Some(false),
        ..Dialect::GOOD
    };
    assert_eq!(storage.dialect().await.unwrap(), expected);
    assert_eq!(expected.dangers(), Vec::<&str>::new());
    let left = std::fs::read_dir(objects.bucket_folder().join("probe")).unwrap();
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn the_address_that_clients_are_told_is_tried_as_well() {
    let folder = TempDir::new().unwrap();
    let objects = start_objects(&folder).await;
    let inside = settings(&objects);
    let by = |public_endpoint: url::Url| {
        let settings = S3Settings {
            public_endpoint,
            ..inside.clone()
        };
        storage(settings, None)
    };
    let same = by(inside.endpoint.clone()).try_public().await;
    assert_eq!(same.unwrap(), PublicSide::Serves);
    // A cache that leaves the signature out of what it looks up.
    let cache = answering(|_| "what the relay tries".to_owned()).await;
    let shared = by(cache).try_public().await.unwrap();
    assert!(
        matches!(&shared, PublicSide::Dangers(dangers) if dangers.len() == 2),
        "{shared:?}"
    );
    let other = answering(|_| "a page of a proxy".to_owned()).await;
    let other = by(other).try_public().await.unwrap();
    assert!(
        matches!(&other, PublicSide::Dangers(dangers) if dangers.len() == 3),
        "{other:?}"
    );
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let away = by(nowhere.parse().unwrap()).try_public().await.unwrap();
    assert!(matches!(away, PublicSide::Unreachable(_)), "{away:?}");
    let left = std::fs::read_dir(objects.bucket_folder().join("probe")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn each_danger_is_told() {
    let worst = Dialect {
        binding: None,
        checks_whole: false,
        checks_length: false,
        refuses_forged: false,
        refuses_anonymous: false,
        completes: false,
        serves_ranges: false,
        aborts: false,
        closes: false,
        expires: false,
        creates_only: false,
        lists_uploads: false,
        answers_web: None,
    };
    assert_eq!(worst.dangers().len(), 10);
    assert!(worst.to_string().contains("parts bound NOT"));
}

#[tokio::test]
async fn a_store_that_is_away_is_tried_again_and_wrong_keys_are_refused() {
    let folder = TempDir::new().unwrap();
    let objects = start_objects(&folder).await;
    let right = settings(&objects);
    let wrong_key = S3Settings {
        secret_key: Zeroizing::new("not the key".into()),
        ..right.clone()
    };
    let refused = storage(wrong_key, None).dialect().await;
    assert!(matches!(refused, Err(StorageError::Refused(_))), "{refused:?}");
    let storage = storage(right, None);
    objects.stop().await;
    let away = storage.dialect().await;
    assert!(matches!(away, Err(StorageError::Unavailable(_))), "{away:?}");
    assert!(storage.ping().await.is_err());
}
