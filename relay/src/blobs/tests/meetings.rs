//! What meets a completion that takes its time.

use std::sync::Arc;

use time::Duration;

use super::held::Held;
use super::shelf::{Shelf, caller, id};
use crate::blobs::ports::BlobState;
use crate::blobs::{BlobError, Reach, Repair};

#[tokio::test]
async fn an_object_that_is_made_while_its_blob_is_given_up_does_not_outlive_its_row() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let list = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    let held = Held::around(Arc::clone(&shelf.blobs.parts.storage));
    let (slow, keeper) = (shelf.around(held.clone()), shelf.blobs.keeper());
    // Long after the last address has expired.
    shelf.log.clock.advance(Duration::hours(1));
    let completing = slow.complete(caller(&shelf.alice), shelf.chat.id(), id(1), &list);
    let meanwhile = async {
        held.finishing.notified().await;
        shelf.delete(&shelf.alice, 1).await.unwrap();
        shelf.log.clock.advance(Duration::minutes(30));
        let swept = keeper.sweep(Reach::Usual, |_| ()).await.unwrap();
        assert_eq!(
            (swept.removed, swept.kept),
            (0, 0),
            "it may still come into being"
        );
        held.go_on.notify_one();
    };
    let (completed, ()) = tokio::join!(completing, meanwhile);
    assert!(matches!(completed, Err(BlobError::Expired)), "{completed:?}");
    assert_eq!(shelf.stored(), 0);
    shelf.log.clock.advance(Duration::hours(1));
    assert_eq!(keeper.sweep(Reach::Usual, |_| ()).await.unwrap().removed, 1);
    assert_eq!(shelf.state(1).await, Some(BlobState::Swept));
    let compared = keeper.reconcile(Repair::Report, |_| ()).await.unwrap();
    assert_eq!((compared.differences, compared.objects), (0, 0));
}

#[tokio::test]
async fn who_gives_up_while_it_waits_to_complete_leaves_nothing_behind() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let list = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    let held = Held::around(Arc::clone(&shelf.blobs.parts.storage));
    let slow = shelf.around(held.clone());
    let complete = || slow.complete(caller(&shelf.alice), shelf.chat.id(), id(1), &list);
    let meanwhile = async {
        held.finishing.notified().await;
        let waits = async {
            while slow.completing.holders() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            completed = complete() => panic!("it is not its turn: {completed:?}"),
            () = waits => {}
        }
        assert_eq!(slow.completing.holders(), 1, "a task waits in its stead");
        held.go_on.notify_one();
    };
    let (completed, ()) = tokio::join!(complete(), meanwhile);
    completed.unwrap();
}
