use time::Duration;

use super::shelf::{Shelf, caller, full_part, id};
use crate::blobs::ports::{BlobLedger, BlobState, Usage};
use crate::blobs::{BlobKeeper, Difference, Reach, Repair, Swept};
use crate::clock::{Clock, SystemClock};

async fn differences(keeper: &BlobKeeper, repair: Repair) -> Vec<Difference> {
    let mut found = Vec::new();
    let compared = keeper
        .reconcile(repair, |difference| found.push(difference))
        .await
        .unwrap();
    assert_eq!(compared.differences, found.len() as u64);
    found
}

/// Puts an object into the bucket that the ledger knows nothing of; returns its name.
async fn stray(shelf: &Shelf, name: &str) -> String {
    let path = shelf.objects.bucket_folder().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, b"stray").unwrap();
    name.to_owned()
}

#[tokio::test]
async fn abandoned_unreferenced_and_deleted_blobs_leave_ledger_and_bucket_equal() {
    let shelf = Shelf::new().await;
    let first = full_part(1);
    shelf.store_blob(&shelf.alice, 1, &[b"kept"]).await;
    shelf.reference(&shelf.bob, 1, 1).await.unwrap();
    shelf.store_blob(&shelf.alice, 2, &[b"deleted"]).await;
    shelf.delete(&shelf.alice, 2).await.unwrap();
    shelf.store_blob(&shelf.alice, 3, &[b"never referred to"]).await;
    shelf
        .reserve(&shelf.bob, 4, 2 * first.len() as u64)
        .await
        .unwrap();
    shelf.put_parts(&shelf.bob, 4, &[&first]).await;
    shelf.reserve(&shelf.bob, 5, 10).await.unwrap();
    assert_eq!(shelf.stored(), 4);
    let keeper = shelf.blobs.keeper();
    assert_eq!(
        keeper.sweep(Reach::Usual, |_| ()).await.unwrap(),
        Swept::default(),
        "what was just deleted may still be put"
    );

    shelf.log.clock.advance(Duration::days(2));
    let would = keeper.would_sweep(Reach::Usual).await.unwrap();
    let swept = keeper.sweep(Reach::Usual, |_| ()).await.unwrap();
    assert_eq!((swept.stale, swept.removed, swept.kept), (3, 4, 0));
    assert_eq!(would, swept);
    assert_eq!(shelf.stored(), 1);
    assert_eq!(shelf.usage().await, Usage { bytes: 4, blobs: 5 });
    assert_eq!(differences(&keeper, Repair::Report).await, []);
    assert_eq!(shelf.fetch(&shelf.bob, 1).await.unwrap(), b"kept");
    assert_eq!(shelf.state(4).await, Some(BlobState::Swept));

    shelf.log.clock.advance(Duration::days(8));
    assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().forgotten, 4);
    assert_eq!(shelf.usage().await, Usage { bytes: 4, blobs: 1 });
}

#[tokio::test]
async fn a_sweep_that_was_cut_short_is_finished_by_the_next() {
    let shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    shelf.delete(&shelf.alice, 1).await.unwrap();
    shelf.log.clock.advance(Duration::hours(1));
    // As far as a sweep comes that dies before it notes what it did.
    let standing = shelf
        .blobs
        .standing(caller(&shelf.alice), shelf.chat.id())
        .await
        .unwrap();
    let row = shelf.store.blob(standing.space, id(1)).await.unwrap().unwrap();
    shelf
        .blobs
        .parts
        .storage
        .remove(&row.key.to_string())
        .await
        .unwrap();
    let swept = shelf.blobs.keeper().sweep(Reach::Usual, |_| ()).await.unwrap();
    assert_eq!((swept.removed, swept.kept), (1, 0));
    assert_eq!(shelf.usage().await, Usage { bytes: 0, blobs: 1 });
}

#[tokio::test]
async fn a_storage_that_is_away_holds_the_ledger_as_it_is() {
    let shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    shelf.delete(&shelf.alice, 1).await.unwrap();
    shelf.log.clock.advance(Duration::hours(1));
    let keeper = shelf.blobs.keeper();
    shelf.objects.stop().await;
    let swept = keeper.sweep(Reach::Usual, |_| ()).await.unwrap();
    assert_eq!((swept.removed, swept.kept), (0, 1));
    let used = "SELECT bytes::text FROM blob_spaces";
    assert_eq!(shelf.log.database.texts(used).await, ["3"]);
}

#[tokio::test]
async fn what_only_one_side_has_is_told_and_repaired_when_old() {
    let shelf = Shelf::new().await;
    for blob in 1..=3 {
        shelf.store_blob(&shelf.alice, blob, &[b"abc"]).await;
    }
    let keeper = shelf.blobs.keeper();
    let rows = shelf.store.page(None, 9).await.unwrap();
    let bucket = shelf.objects.bucket_folder();
    std::fs::remove_file(bucket.join(rows[0].key.to_string())).unwrap();
    std::fs::write(bucket.join(rows[2].key.to_string()), b"longer than it was").unwrap();
    let prefix = hex::encode(rows[0].key.prefix);
    let ours = stray(&shelf, &format!("{prefix}/{}", "f".repeat(64))).await;
    let foreign = stray(&shelf, "notes.txt").await;
    let expected = |repaired: bool| {
        let unknown = |name: &str| Difference::Unknown {
            name: name.to_owned(),
            bytes: 5,
            removed: repaired,
        };
        let mut expected = vec![
            Difference::Missing {
                key: rows[0].key,
                bytes: 3,
                marked: false,
            },
            Difference::Length {
                key: rows[2].key,
                expected: 3,
                found: 18,
            },
            unknown(&ours),
            unknown(&foreign),
        ];
        expected.sort_by_key(|difference| format!("{difference:?}"));
        expected
    };
    let sorted = |mut found: Vec<Difference>| {
        found.sort_by_key(|difference| format!("{difference:?}"));
        found
    };
    assert_eq!(
        sorted(differences(&keeper, Repair::Report).await),
        expected(false)
    );
    // The clock of the test is not that of the files.
    let age = keeper.clock.now() - SystemClock.now();
    let just_written = Repair::OlderThan(age + Duration::hours(1));
    let found = differences(&keeper, just_written).await;
    assert!(
        found
            .iter()
            .all(|found| !matches!(found, Difference::Unknown { removed: true, .. }))
    );
    let old = Repair::OlderThan(age - Duration::hours(1));
    assert_eq!(sorted(differences(&keeper, old).await), expected(true));
    let left = differences(&keeper, Repair::MarkMissing).await;
    assert_eq!(left.len(), 2, "what is missing is nobody's fault: {left:?}");
    let left = differences(&keeper, Repair::Report).await;
    assert!(matches!(left[..], [Difference::Length { .. }]), "{left:?}");
}

#[tokio::test]
async fn an_object_that_comes_after_its_sweep_is_told_and_does_not_stay() {
    let shelf = Shelf::new().await;
    let keeper = shelf.blobs.keeper();
    for blob in 1..=2 {
        shelf.store_blob(&shelf.alice, blob, &[b"abc"]).await;
        shelf.delete(&shelf.alice, blob).await.unwrap();
    }
    let rows = shelf.store.page(None, 9).await.unwrap();
    shelf.log.clock.advance(Duration::hours(1));
    assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().removed, 2);
    for row in &rows {
        stray(&shelf, &row.key.to_string()).await;
    }
    let late = |removed| {
        let each = rows.iter().map(|row| Difference::Late {
            key: row.key,
            bytes: 5,
            removed,
        });
        each.collect::<Vec<_>>()
    };
    assert_eq!(differences(&keeper, Repair::Report).await, late(false));
    let any_age = Repair::OlderThan(Duration::days(1_000));
    assert_eq!(differences(&keeper, any_age).await, late(true));
    assert_eq!(differences(&keeper, Repair::Report).await, []);

    stray(&shelf, &rows[0].key.to_string()).await;
    shelf.log.clock.advance(Duration::days(8));
    assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().forgotten, 2);
    assert_eq!(shelf.stored(), 0, "a row is not forgotten before its object");
}

#[tokio::test]
async fn an_inventory_names_what_the_bucket_should_have() {
    let shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    shelf.reserve(&shelf.alice, 2, 7).await.unwrap();
    let mut listed = Vec::new();
    let keeper = shelf.blobs.keeper();
    keeper
        .inventory(|blob| listed.push((blob.key, blob.bytes)))
        .await
        .unwrap();
    let [(key, 3)] = listed[..] else {
        panic!("{listed:?}")
    };
    assert_eq!(shelf.blobs.parts.storage.length(&key).await.unwrap(), Some(3));
}
