use sealpost_protocol::wire::{self, control_record::Body};
use time::Duration;

use super::shelf::{Shelf, caller, id};
use crate::blobs::ports::{BlobLedger, BlobState, StaleBefore, Usage};
use crate::blobs::{BlobError, Reach};
use crate::clock::Clock;
use crate::log::LogError;

#[tokio::test]
async fn author_and_manager_delete_and_nobody_fetches_it_then() {
    let shelf = Shelf::new().await;
    shelf.store_blob(&shelf.bob, 1, &[b"abc"]).await;
    shelf.store_blob(&shelf.bob, 2, &[b"def"]).await;
    shelf.delete(&shelf.bob, 1).await.unwrap();
    shelf.delete(&shelf.bob, 1).await.unwrap();
    shelf.delete(&shelf.alice, 2).await.unwrap();
    for blob in [1, 2] {
        assert_eq!(shelf.state(blob).await, Some(BlobState::Tombstoned));
        assert!(matches!(
            shelf.fetch(&shelf.alice, blob).await,
            Err(BlobError::NotFound)
        ));
        assert!(matches!(
            shelf.reference(&shelf.bob, blob, 1).await,
            Err(BlobError::NotFound)
        ));
    }
    assert!(matches!(
        shelf.delete(&shelf.bob, 3).await,
        Err(BlobError::NotFound)
    ));
}

#[tokio::test]
async fn what_is_deleted_as_somebodys_is_nobody_elses() {
    let shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"abc"]).await;
    let (manager, space) = (caller(&shelf.alice), shelf.chat.id());
    let as_bobs = shelf.blobs.delete(manager, space, id(1), Some(shelf.bob.id()));
    assert!(matches!(as_bobs.await, Err(BlobError::NotFound)));
    assert_eq!(shelf.state(1).await, Some(BlobState::Uploaded));
    let as_alices = shelf.blobs.delete(manager, space, id(1), Some(shelf.alice.id()));
    as_alices.await.unwrap();
    assert_eq!(shelf.state(1).await, Some(BlobState::Tombstoned));
}

#[tokio::test]
async fn an_upload_that_was_given_up_does_not_come_back() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let list = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    shelf.delete(&shelf.alice, 1).await.unwrap();
    assert!(matches!(
        shelf.complete(&shelf.alice, 1, &list).await,
        Err(BlobError::Expired)
    ));
    assert!(matches!(
        shelf.sign(&shelf.alice, 1, &[b"abc"]).await,
        Err(BlobError::Expired)
    ));
    assert!(matches!(
        shelf.reserve(&shelf.alice, 1, 3).await,
        Err(BlobError::Expired)
    ));
}

#[tokio::test]
async fn a_deleted_space_marks_its_blobs_with_the_record_that_deletes_it() {
    let mut shelf = Shelf::new().await;
    shelf.store_blob(&shelf.bob, 1, &[b"abc"]).await;
    shelf.reserve(&shelf.bob, 2, 3).await.unwrap();
    let (chat, alice) = (&mut shelf.chat, &shelf.alice);
    let tombstone = Body::Tombstone(wire::Tombstone {});
    chat.control(&shelf.relay, alice, tombstone).await.unwrap();
    let states = "SELECT DISTINCT state FROM blobs";
    assert_eq!(shelf.log.database.texts(states).await, ["tombstoned"]);
    let refused = shelf.fetch(&shelf.bob, 1).await;
    assert!(matches!(
        refused,
        Err(BlobError::Space(LogError::Tombstoned { .. }))
    ));
}

#[tokio::test]
async fn what_stands_still_or_is_never_referred_to_grows_stale() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 10).await.unwrap();
    shelf.store_blob(&shelf.alice, 2, &[b"unreferenced"]).await;
    shelf.store_blob(&shelf.alice, 3, &[b"kept"]).await;
    shelf.reference(&shelf.bob, 3, 1).await.unwrap();
    shelf.log.clock.advance(Duration::hours(1));
    shelf.reserve(&shelf.alice, 4, 20).await.unwrap();
    let now = shelf.log.clock.now();
    let before = StaleBefore {
        reserved: now - Duration::minutes(30),
        begun: now - Duration::days(30),
        uploaded: now - Duration::minutes(30),
        restored: false,
    };
    assert_eq!(
        shelf.store.stale(before).await.unwrap(),
        Usage { bytes: 22, blobs: 2 }
    );
    assert_eq!(shelf.store.tombstone_stale(before, now, 1).await.unwrap(), 1);
    assert_eq!(shelf.store.tombstone_stale(before, now, 9).await.unwrap(), 1);
    assert_eq!(shelf.state(1).await, Some(BlobState::Tombstoned));
    assert_eq!(shelf.state(2).await, Some(BlobState::Tombstoned));
    assert_eq!(shelf.state(3).await, Some(BlobState::Referenced));
    assert_eq!(shelf.state(4).await, Some(BlobState::Reserved));
}

#[tokio::test]
async fn nobody_holds_room_for_ever_by_asking_for_an_address_a_day() {
    let shelf = Shelf::new().await;
    let keeper = shelf.blobs.keeper();
    shelf.reserve(&shelf.bob, 1, 10).await.unwrap();
    for _ in 0..30 {
        shelf.log.clock.advance(Duration::hours(23));
        shelf.sign(&shelf.bob, 1, &[b"0123456789"]).await.unwrap();
        assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().stale, 0);
    }
    shelf.log.clock.advance(Duration::hours(23));
    shelf.sign(&shelf.bob, 1, &[b"0123456789"]).await.unwrap();
    shelf.log.clock.advance(Duration::hours(8));
    assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().stale, 1);
}

#[tokio::test]
async fn room_that_a_member_holds_is_free_when_a_manager_says_so_or_removes_that_member() {
    let mut shelf = Shelf::new().await;
    for blob in 1..=2 {
        shelf.reserve(&shelf.bob, blob, 10).await.unwrap();
    }
    shelf.store_blob(&shelf.bob, 3, &[b"abc"]).await;
    shelf.delete(&shelf.alice, 1).await.unwrap();
    assert_eq!(shelf.state(1).await, Some(BlobState::Tombstoned));
    let keeper = shelf.blobs.keeper();
    assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().stale, 0);
    let (chat, alice) = (&mut shelf.chat, &shelf.alice);
    let removal = chat.removal(&shelf.relay, alice, &shelf.bob).await;
    chat.all(&shelf.relay, alice, removal).await;
    assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().stale, 1);
    assert_eq!(shelf.state(2).await, Some(BlobState::Tombstoned));
    assert_eq!(shelf.state(3).await, Some(BlobState::Uploaded));
}

#[tokio::test]
async fn a_blob_goes_with_the_content_of_the_event_that_refers_to_it() {
    let shelf = Shelf::new().await;
    for (blob, seq) in [(1, 2), (2, 3)] {
        shelf.store_blob(&shelf.alice, blob, &[b"abc"]).await;
        shelf.reference(&shelf.alice, blob, seq).await.unwrap();
        shelf.reference(&shelf.bob, blob, 1).await.unwrap();
    }
    // Retention has dealt with everything before the third place.
    shelf
        .log
        .database
        .execute("UPDATE spaces SET retained_from = 3")
        .await;
    let now = shelf.log.clock.now();
    let before = StaleBefore {
        reserved: now - Duration::days(1),
        begun: now - Duration::days(30),
        uploaded: now - Duration::days(1),
        restored: false,
    };
    assert_eq!(shelf.store.tombstone_stale(before, now, 9).await.unwrap(), 1);
    assert_eq!(shelf.state(1).await, Some(BlobState::Tombstoned));
    assert_eq!(
        shelf.state(2).await,
        Some(BlobState::Referenced),
        "the highest place counts"
    );
}
