//! What whoever controls the storage can do to a blob, and what its reader gets of it (R49 to R52).

use std::path::PathBuf;

use sealpost_sdk::blob::{BlobError, BlobReference};
use sealpost_sdk::{Error, PutOptions};

use crate::shelf::{Shelf, plaintext};

const CHUNK: usize = 65_536;
const STORED_CHUNK: usize = CHUNK + 16;

/// A blob of five chunks and a bit, its bytes, and where they are stored.
///
/// `None` where the store's files are not its objects, so that nothing can be damaged on purpose. Who reads does not know which store
/// it is.
async fn stored(shelf: &Shelf) -> Option<(BlobReference, Vec<u8>, PathBuf)> {
    let bytes = plaintext(5 * CHUNK + 1_000);
    let Some(before) = shelf.objects() else {
        println!("not on this store: its files are not its objects");
        return None;
    };
    let reference = shelf.put(&bytes, PutOptions::default()).await;
    let mut after = shelf.objects()?.into_iter();
    let path = after.find(|path| !before.contains(path))?;
    Some((reference, bytes, path))
}

#[tokio::test]
async fn r49_r50_changed_cut_and_moved_bytes_end_the_file_at_the_last_good_chunk() {
    let shelf = Shelf::new().await;
    let Some((reference, bytes, path)) = stored(&shelf).await else {
        return;
    };
    let whole = std::fs::read(&path).unwrap();
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
    ];
    for (what, change, good) in cases {
        let mut damaged = whole.clone();
        change(&mut damaged);
        std::fs::write(&path, damaged).unwrap();
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
    let Some((reference, bytes, path)) = stored(&shelf).await else {
        return;
    };
    let whole = std::fs::read(&path).unwrap();
    for (length, chunk) in [
        (0, 0),
        (1, 0),
        (2 * STORED_CHUNK, 2),
        (3 * STORED_CHUNK + 9, 3),
        (whole.len() - 1, 5),
    ] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (got, ended) = shelf.get(&reference).await;
        assert!(
            matches!(&ended, Err(Error::Blob(BlobError::Damaged { chunk: at })) if *at == chunk),
            "{length}: {ended:?}"
        );
        assert!(bytes.starts_with(&got) && got.len() <= chunk as usize * CHUNK);
    }
    std::fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    let (_, ended) = shelf.get(&reference).await;
    assert!(matches!(ended, Err(Error::Blob(BlobError::TooLong))), "{ended:?}");
}

#[tokio::test]
async fn r51_another_blob_or_an_older_version_in_its_place_is_refused() {
    let shelf = Shelf::new().await;
    let Some((reference, _, path)) = stored(&shelf).await else {
        return;
    };
    let (_, _, other) = stored(&shelf).await.expect("as the first");
    std::fs::copy(&other, &path).unwrap();
    let (got, ended) = shelf.get(&reference).await;
    assert!(
        matches!(ended, Err(Error::Blob(BlobError::Damaged { chunk: 0 }))),
        "{ended:?}"
    );
    assert!(got.is_empty());
}
