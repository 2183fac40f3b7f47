//! What whoever controls the storage can do to a blob, and what its reader gets of it (R49 to R53).

use std::sync::Arc;

use futures_util::StreamExt;
use sealpost_protocol::blob::REFERENCE_TYPE;
use sealpost_protocol::canonical::encode;
use sealpost_protocol::limits::{BLOB_CHUNK, MAX_BLOB};
use sealpost_protocol::wire;
use sealpost_sdk::blob::{BlobError, BlobReference, BlobSize};
use sealpost_sdk::{Error, Message, Position, PutOptions};
use sealpost_tests::transfers::Server;

use crate::object::Object;
use crate::shelf::{Shelf, plaintext};

const CHUNK: usize = 65_536;
const STORED_CHUNK: usize = CHUNK + 16;

/// A blob of five chunks and a bit, its bytes, and what is stored of it.
async fn stored(shelf: &Shelf) -> (BlobReference, Vec<u8>, Object) {
    let bytes = plaintext(5 * CHUNK + 1_000);
    let reference = shelf.put(&bytes, PutOptions::default()).await;
    let object = shelf.object(&reference).await;
    (reference, bytes, object)
}

#[tokio::test]
async fn r49_r50_changed_cut_and_moved_bytes_end_the_file_at_the_last_good_chunk() {
    let shelf = Shelf::new().await;
    let (reference, bytes, object) = stored(&shelf).await;
    let whole = object.read().await;
    let (_, _, other) = stored(&shelf).await;
    let other = other.read().await;
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let flip = |at: usize| -> Change { Box::new(move |stored| stored[at] ^= 1) };
    let swap = |one: usize, other: usize| -> Change {
        Box::new(move |stored| {
            let first = stored[one * STORED_CHUNK..(one + 1) * STORED_CHUNK].to_vec();
            let second = stored[other * STORED_CHUNK..(other + 1) * STORED_CHUNK].to_vec();
            stored[one * STORED_CHUNK..(one + 1) * STORED_CHUNK].copy_from_slice(&second);
            stored[other * STORED_CHUNK..(other + 1) * STORED_CHUNK].copy_from_slice(&first);
        })
    };
    let last = whole.len() - 1;
    let cases: Vec<(&str, Change, usize)> = vec![
        ("the first byte", flip(0), 0),
        ("a tag", flip(STORED_CHUNK - 1), 0),
        ("the first byte of a chunk", flip(2 * STORED_CHUNK), 2),
        ("the middle of a chunk", flip(3 * STORED_CHUNK + 999), 3),
        ("the last byte", flip(last), 5),
        ("two chunks swapped", swap(1, 3), 1),
        (
            "a chunk repeated",
            Box::new(|stored| stored.copy_within(0..STORED_CHUNK, STORED_CHUNK)),
            1,
        ),
        (
            "a chunk of another file",
            Box::new(move |stored| {
                let chunk = 2 * STORED_CHUNK..3 * STORED_CHUNK;
                stored[chunk.clone()].copy_from_slice(&other[chunk]);
            }),
            2,
        ),
    ];
    for (what, change, good) in cases {
        let mut damaged = whole.clone();
        change(&mut damaged);
        object.replace(&damaged).await;
        let (got, ended) = shelf.get(&reference).await;
        let chunk = good as u32;
        assert!(
            matches!(&ended, Err(Error::Blob(BlobError::Damaged { chunk: at })) if *at == chunk),
            "{what}: {ended:?}"
        );
        assert!(got == bytes[..good * CHUNK], "{what}: {} bytes", got.len());
    }
}

#[tokio::test]
async fn r49_a_blob_that_was_cut_or_grew_is_refused_for_its_length() {
    let shelf = Shelf::new().await;
    let (reference, bytes, object) = stored(&shelf).await;
    let whole = object.read().await;
    let shortest = match Server::chosen() {
        Server::S3sFs => 0,
        // It makes no object of no bytes from parts.
        Server::Garage(_) => 1,
    };
    for (length, chunk) in [
        (shortest, 0),
        (15, 0),
        (2 * STORED_CHUNK, 2),
        (3 * STORED_CHUNK + 9, 3),
        (whole.len() - 1, 5),
    ] {
        object.replace(&whole[..length]).await;
        let (got, ended) = shelf.get(&reference).await;
        assert!(
            matches!(&ended, Err(Error::Blob(BlobError::Damaged { chunk: at })) if *at == chunk),
            "{length}: {ended:?}"
        );
        assert!(bytes.starts_with(&got) && got.len() <= chunk as usize * CHUNK);
    }
    object.replace(&[&whole[..], b"more"].concat()).await;
    let (_, ended) = shelf.get(&reference).await;
    assert!(matches!(ended, Err(Error::Blob(BlobError::TooLong))), "{ended:?}");
}

#[tokio::test]
async fn r51_another_blob_or_an_older_version_in_its_place_is_refused() {
    let shelf = Shelf::new().await;
    let (reference, _, object) = stored(&shelf).await;
    let (_, _, other) = stored(&shelf).await;
    object.replace(&other.read().await).await;
    let (got, ended) = shelf.get(&reference).await;
    assert!(
        matches!(ended, Err(Error::Blob(BlobError::Damaged { chunk: 0 }))),
        "{ended:?}"
    );
    assert!(got.is_empty());
}

/// Any member can write such a reference: it gets nobody anything but an error.
#[tokio::test]
async fn r52_reference_that_mixes_two_files_gets_nothing_of_either() {
    let shelf = Shelf::new().await;
    let bytes = plaintext(70_000);
    let one = shelf.put(&bytes, PutOptions::default()).await;
    let other = shelf.put(&bytes, PutOptions::default()).await;
    let mixed = [
        BlobReference {
            blob_id: other.blob_id,
            ..one.clone()
        },
        BlobReference {
            key: other.key.clone(),
            ..one.clone()
        },
        BlobReference {
            size: BlobSize::new(69_999).unwrap(),
            ..one.clone()
        },
        BlobReference {
            epoch: one.epoch + 1,
            ..one.clone()
        },
    ];
    for reference in mixed {
        let (got, ended) = shelf.get(&reference).await;
        assert!(
            matches!(ended, Err(Error::Blob(BlobError::Damaged { .. }))),
            "{reference:?}: {ended:?}"
        );
        // The length is proven by the last chunk.
        let good = if reference.size == one.size { 0 } else { 65_536 };
        assert!(got == bytes[..good], "{reference:?}");
    }
    let hash = BlobReference {
        ciphertext_hash: other.ciphertext_hash,
        ..one.clone()
    };
    let path = shelf.folder.path().join("film");
    let ended = shelf.bobs.get_blob_to(&hash, &path, Arc::new(|_| ())).await;
    assert!(
        matches!(ended, Err(Error::Blob(BlobError::Replaced))),
        "{ended:?}"
    );
    assert!(!path.exists(), "nothing appears that is not whole");
}

#[tokio::test]
async fn r53_reference_that_claims_more_than_any_file_has_is_none() {
    let shelf = Shelf::new().await;
    let claiming = |length: u64, chunk_size: u32| {
        let body = wire::BlobReference {
            version: 1,
            blob_id: vec![1; 16].into(),
            key: vec![2; 32].into(),
            epoch: 1,
            length,
            chunk_size,
            ciphertext_hash: vec![3; 32].into(),
            name: "film".to_owned(),
            content_type: String::new(),
        };
        Message::new(REFERENCE_TYPE, encode(&body))
    };
    let chunk = BLOB_CHUNK as u32;
    for (length, chunk_size) in [
        (1 << 63, chunk),
        (u64::MAX, chunk),
        (MAX_BLOB + 1, chunk),
        (1 << 40, 256),
    ] {
        shelf.alices.send(claiming(length, chunk_size)).await.unwrap();
    }
    let until = shelf.bobs.sync().await.unwrap().seq;
    let messages = shelf.bobs.read(Position::START, until);
    let blobs = messages.filter_map(|message| std::future::ready(message.unwrap().blob()));
    assert_eq!(blobs.count().await, 0);
}
