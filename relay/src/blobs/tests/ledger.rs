use futures_util::future::join_all;
use time::Duration;

use super::shelf::{Shelf, caller, id};
use crate::blobs::ports::{BlobLedger, BlobState, Usage};
use crate::clock::Clock;

#[tokio::test]
async fn reservations_that_meet_add_up() {
    let shelf = Shelf::new().await;
    let requests = (0..12u8).map(|blob| {
        let who = if blob % 2 == 0 { &shelf.alice } else { &shelf.bob };
        // Half of them come twice at once.
        shelf.reserve(who, blob % 8, 10)
    });
    for reserved in join_all(requests).await {
        assert_eq!(reserved.unwrap(), 10);
    }
    assert_eq!(shelf.usage().await, Usage { bytes: 80, blobs: 8 });
}

#[tokio::test]
async fn a_swept_blob_gives_its_room_back_once_and_is_forgotten_later() {
    let shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    let standing = shelf
        .blobs
        .standing(caller(&shelf.alice), shelf.chat.id())
        .await
        .unwrap();
    let (space, now) = (standing.space, shelf.log.clock.now());
    assert!(
        !shelf.store.swept(space, id(1), now).await.unwrap(),
        "it is not marked"
    );
    assert!(shelf.store.tombstone(space, id(1), now).await.unwrap());
    assert_eq!(
        shelf.usage().await,
        Usage { bytes: 3, blobs: 1 },
        "it is still there"
    );
    let later = now + Duration::minutes(6);
    assert_eq!(
        shelf.store.to_sweep(now, None, 9).await.unwrap(),
        [],
        "a part could still be put"
    );
    let marked = shelf.store.to_sweep(later, None, 9).await.unwrap();
    assert_eq!(marked.len(), 1);
    assert_eq!(
        shelf
            .store
            .to_sweep(later, Some(&marked[0].key), 9)
            .await
            .unwrap(),
        []
    );
    assert!(shelf.store.swept(space, id(1), later).await.unwrap());
    assert!(!shelf.store.swept(space, id(1), later).await.unwrap());
    assert_eq!(shelf.usage().await, Usage::default());
    assert_eq!(shelf.state(1).await, Some(BlobState::Swept));
    assert_eq!(shelf.store.page(None, 9).await.unwrap(), []);
    assert_eq!(shelf.store.forget_swept(later, 9).await.unwrap(), 0);
    assert_eq!(
        shelf
            .store
            .forget_swept(later + Duration::seconds(1), 9)
            .await
            .unwrap(),
        1
    );
    assert_eq!(shelf.state(1).await, None);
}

#[tokio::test]
async fn pages_follow_each_other_in_the_order_of_names() {
    let shelf = Shelf::new().await;
    for blob in 0..5 {
        shelf.reserve(&shelf.alice, blob, 7).await.unwrap();
    }
    let mut keys = Vec::new();
    loop {
        let page = shelf.store.page(keys.last(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        keys.extend(page.iter().map(|row| row.key));
    }
    assert_eq!(keys.len(), 5);
    assert!(keys.is_sorted());
    assert!(
        keys.iter().all(|key| key.prefix == keys[0].prefix),
        "one prefix for a space"
    );
    let totals = shelf.store.totals().await.unwrap();
    assert_eq!(totals, [(BlobState::Reserved, Usage { bytes: 35, blobs: 5 })]);
}
