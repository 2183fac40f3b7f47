use futures_util::future::join_all;
use time::Duration;

use super::shelf::{Shelf, caller, id};
use crate::blobs::ports::{BlobLedger, BlobState, Quotas, Usage};
use crate::blobs::{BlobError, BlobSettings, Reach};
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
    assert_eq!(shelf.usage().await, Usage { bytes: 0, blobs: 1 });
    assert_eq!(shelf.state(1).await, Some(BlobState::Swept));
    assert_eq!(shelf.store.page(None, 9).await.unwrap(), []);
    assert_eq!(shelf.store.to_forget(later, None, 9).await.unwrap(), []);
    let old = shelf.store.to_forget(later + Duration::seconds(1), None, 9);
    assert_eq!(old.await.unwrap().len(), 1);
    assert!(shelf.store.forget(space, id(1)).await.unwrap());
    assert!(!shelf.store.forget(space, id(1)).await.unwrap());
    assert_eq!(shelf.state(1).await, None);
    assert_eq!(shelf.usage().await, Usage::default());
}

#[tokio::test]
async fn rows_of_swept_blobs_count_until_they_go_and_all_old_ones_do() {
    let quotas = Quotas {
        blobs: 2,
        ..BlobSettings::default().quotas
    };
    let shelf = Shelf::with(BlobSettings {
        quotas,
        ..BlobSettings::default()
    })
    .await;
    let keeper = shelf.blobs.keeper();
    for blob in 1..=2 {
        shelf.reserve(&shelf.alice, blob, 3).await.unwrap();
        shelf.delete(&shelf.alice, blob).await.unwrap();
        shelf.log.clock.advance(Duration::hours(1));
        assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().removed, 1);
    }
    let third = shelf.reserve(&shelf.alice, 3, 3).await;
    assert!(
        matches!(third, Err(BlobError::QuotaExceeded { limit: 2 })),
        "whoever begins and deletes fills the table: {third:?}"
    );
    // More of them than one query deals with.
    let many = "INSERT INTO blobs SELECT space_no, substring(sha256(n::text::bytea), 1, 16), account_id, principal_id, key_prefix,
                       sha256(n::text::bytea), upload, state, part_bytes, bytes, sha256, reference_seq, reserved_at, changed_at, put_until
                FROM blobs, generate_series(1, 600) n WHERE blob_id = (SELECT blob_id FROM blobs LIMIT 1)";
    shelf.log.database.execute(many).await;
    for table in ["blob_spaces", "blob_accounts"] {
        let counted = format!("UPDATE {table} SET blobs = blobs + 600");
        shelf.log.database.execute(&counted).await;
    }
    shelf.log.clock.advance(Duration::days(8));
    assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().forgotten, 602);
    assert_eq!(shelf.usage().await, Usage::default());
    shelf.reserve(&shelf.alice, 3, 3).await.unwrap();
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
