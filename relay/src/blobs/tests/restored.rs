//! What a restore brings back of blobs.

use time::Duration;

use super::shelf::{Shelf, caller, id};
use crate::blobs::Reach;
use crate::blobs::ports::{BlobLedger, BlobState, Upload};
use crate::clock::Clock;

/// Begins a new life of the database, as a restore does.
async fn restore(shelf: &Shelf) {
    let now = shelf.log.clock.now();
    let begun = format!(
        "INSERT INTO relay_state (incarnation, created_at) VALUES (decode(repeat('07', 16), 'hex'), to_timestamp({}))
         ON CONFLICT (singleton) DO UPDATE SET created_at = excluded.created_at",
        now.unix_timestamp()
    );
    shelf.log.database.execute(&begun).await;
}

#[tokio::test]
async fn a_sweep_leaves_what_a_restore_brought_back_until_an_operator_says_so() {
    let shelf = Shelf::new().await;
    // Under way at the backup, and done after it: the object is there, the row does not know.
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let list = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    let standing = shelf.blobs.standing(caller(&shelf.alice), shelf.chat.id());
    let space = standing.await.unwrap().space;
    let row = shelf.store.blob(space, id(1)).await.unwrap().unwrap();
    let parts = super::super::parts::PartList::of(&row, &list).unwrap().parts;
    let upload = Upload {
        key: row.key,
        id: row.upload.unwrap(),
    };
    shelf.blobs.parts.storage.finish(&upload, &parts).await.unwrap();
    // Whole at the backup, and referred to after it.
    shelf.store_blob(&shelf.alice, 2, &[b"def"]).await;
    shelf.log.clock.advance(Duration::days(3));
    restore(&shelf).await;
    shelf.store_blob(&shelf.alice, 3, &[b"new"]).await;
    shelf.log.clock.advance(Duration::days(2));
    let keeper = shelf.blobs.keeper();
    let swept = keeper.sweep(Reach::Usual, |_| ()).await.unwrap();
    assert_eq!((swept.stale, swept.removed), (1, 1), "what came after it alone");
    assert_eq!(shelf.stored(), 2);
    // Its author comes back, and it is as if nothing had been.
    shelf.complete(&shelf.alice, 1, &list).await.unwrap();
    shelf.reference(&shelf.alice, 1, 1).await.unwrap();
    assert_eq!(keeper.would_sweep(Reach::Restored).await.unwrap().stale, 1);
    let swept = keeper.sweep(Reach::Restored, |_| ()).await.unwrap();
    assert_eq!((swept.stale, swept.removed), (1, 1));
    assert_eq!(shelf.state(2).await, Some(BlobState::Swept));
    assert_eq!(shelf.fetch(&shelf.bob, 1).await.unwrap(), b"abc");
}
