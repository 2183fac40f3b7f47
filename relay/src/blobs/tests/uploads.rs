use super::shelf::{PART, Shelf, caller, full_part, id};
use crate::blobs::BlobError;
use crate::blobs::ports::{BlobLedger, BlobState, Upload, Usage};

#[tokio::test]
async fn what_one_member_puts_in_parts_another_fetches_whole() {
    let shelf = Shelf::new().await;
    let (first, last) = (full_part(1), b"the rest".to_vec());
    shelf.store_blob(&shelf.alice, 1, &[&first, &last]).await;
    let fetched = shelf.fetch(&shelf.bob, 1).await.unwrap();
    assert!(fetched == [first, last].concat());
    assert_eq!(shelf.state(1).await, Some(BlobState::Uploaded));
    shelf.reference(&shelf.alice, 1, 1).await.unwrap();
    assert_eq!(shelf.state(1).await, Some(BlobState::Referenced));
    assert_eq!(shelf.stored(), 1);
}

#[tokio::test]
async fn addresses_begin_as_announced_and_ranges_are_served() {
    let shelf = Shelf::new().await;
    shelf.store_blob(&shelf.alice, 1, &[b"0123456789"]).await;
    let signed = shelf
        .blobs
        .sign_download(caller(&shelf.bob), shelf.chat.id(), id(1))
        .await
        .unwrap();
    assert!(signed.url.starts_with(shelf.blobs.url_prefix()), "{}", signed.url);
    let part = shelf
        .http
        .get(&signed.url)
        .header("range", "bytes=2-4")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (part.status().as_u16(), &part.bytes().await.unwrap()[..]),
        (206, &b"234"[..])
    );
    let put = shelf.reserve(&shelf.alice, 2, 3).await;
    assert_eq!(put.unwrap(), 3);
    let put = shelf.sign(&shelf.alice, 2, &[b"abc"]).await.unwrap();
    assert!(put[0].url.starts_with(shelf.blobs.url_prefix()));
}

#[tokio::test]
async fn a_pipe_reserves_in_steps_and_gives_back_what_it_did_not_use() {
    let shelf = Shelf::new().await;
    let first = full_part(3);
    assert_eq!(shelf.reserve(&shelf.alice, 1, PART).await.unwrap(), PART);
    assert_eq!(shelf.reserve(&shelf.alice, 1, 4 * PART).await.unwrap(), 4 * PART);
    assert_eq!(
        shelf.reserve(&shelf.alice, 1, PART).await.unwrap(),
        4 * PART,
        "less changes nothing"
    );
    assert_eq!(
        shelf.usage().await,
        Usage {
            bytes: 4 * PART,
            blobs: 1
        }
    );
    let list = shelf.put_parts(&shelf.alice, 1, &[&first, b"end"]).await;
    shelf.complete(&shelf.alice, 1, &list).await.unwrap();
    assert_eq!(
        shelf.usage().await,
        Usage {
            bytes: PART + 3,
            blobs: 1
        }
    );
}

#[tokio::test]
async fn completing_again_is_the_same_answer_and_other_bytes_are_a_conflict() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let list = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    let (one, two) = tokio::join!(
        shelf.complete(&shelf.alice, 1, &list),
        shelf.complete(&shelf.alice, 1, &list)
    );
    one.unwrap();
    two.unwrap();
    shelf.complete(&shelf.alice, 1, &list).await.unwrap();
    let mut other = list.clone();
    other.sha256.0[0] ^= 1;
    assert!(matches!(
        shelf.complete(&shelf.alice, 1, &other).await,
        Err(BlobError::Conflict)
    ));
    assert_eq!(
        shelf.reserve(&shelf.alice, 1, 9).await.unwrap(),
        3,
        "it has what it needs"
    );
    let late = shelf.sign(&shelf.alice, 1, &[b"abc"]).await;
    assert!(matches!(late, Err(BlobError::Conflict)), "its upload is over");
    assert_eq!(shelf.stored(), 1);
    assert_eq!(shelf.usage().await, Usage { bytes: 3, blobs: 1 });
}

#[tokio::test]
async fn a_relay_that_died_between_storage_and_ledger_is_caught_up_with() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let list = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    // What a relay does up to the moment of its death.
    let standing = shelf
        .blobs
        .standing(caller(&shelf.alice), shelf.chat.id())
        .await
        .unwrap();
    let row = shelf.store.blob(standing.space, id(1)).await.unwrap().unwrap();
    let parts = super::super::parts::PartList::of(&row, &list).unwrap().parts;
    let upload = Upload {
        key: row.key,
        id: row.upload.unwrap(),
    };
    shelf.blobs.parts.storage.finish(&upload, &parts).await.unwrap();
    assert_eq!(shelf.state(1).await, Some(BlobState::Reserved));
    shelf.complete(&shelf.alice, 1, &list).await.unwrap();
    assert_eq!(shelf.state(1).await, Some(BlobState::Uploaded));
    assert_eq!(shelf.fetch(&shelf.bob, 1).await.unwrap(), b"abc");
}

#[tokio::test]
async fn a_reservation_whose_relay_died_gets_its_upload_by_the_next_request() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    // As if it had died before it noted the upload.
    shelf.log.database.execute("UPDATE blobs SET upload = NULL").await;
    let without = shelf.sign(&shelf.alice, 1, &[b"abc"]).await;
    assert!(matches!(without, Err(BlobError::NotFound)));
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let list = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    shelf.complete(&shelf.alice, 1, &list).await.unwrap();
}

#[tokio::test]
async fn a_part_may_be_put_again_before_the_end() {
    let shelf = Shelf::new().await;
    shelf.reserve(&shelf.alice, 1, 3).await.unwrap();
    let first = shelf.put_parts(&shelf.alice, 1, &[b"abc"]).await;
    let second = shelf.put_parts(&shelf.alice, 1, &[b"xyz"]).await;
    assert_ne!(first, second);
    shelf.complete(&shelf.alice, 1, &second).await.unwrap();
    assert_eq!(shelf.fetch(&shelf.bob, 1).await.unwrap(), b"xyz");
}
